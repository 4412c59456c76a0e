"""The metadata of an indexed function: its bindings and its retry policy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace

#: Doubling stops to be computed here; every maximum interval is far below.
_MAX_DOUBLINGS = 32

ENDLESS = -1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The declared retry policy of a function; intervals are whole seconds.

    `strategy` is `fixed_delay` (then only `delay_interval_s` is set) or `exponential_backoff`.
    """

    strategy: str
    max_retry_count: int
    delay_interval_s: int | None = None
    minimum_interval_s: int | None = None
    maximum_interval_s: int | None = None

    def allows(self, retries_done: int) -> bool:
        """Return whether another retry is allowed. -1 allows any number."""
        return self.max_retry_count == ENDLESS or retries_done < self.max_retry_count

    def delay_s(self, retries_done: int) -> int:
        """Return the wait before the next retry, in seconds.

        The back-off is that of the WebJobs SDK (minimum, then minimum plus 1, 2, 4 ... minima, up
        to the maximum), without its jitter of 20 %.
        """
        if self.delay_interval_s is not None:
            return self.delay_interval_s
        least, most = self.minimum_interval_s or 0, self.maximum_interval_s or 0
        growth = 2 ** min(retries_done - 1, _MAX_DOUBLINGS) * least if retries_done > 0 else 0
        return min(least + growth, most)


@dataclass(frozen=True, slots=True)
class FunctionMetadata:
    """One function of the app, as the library indexed it."""

    name: str
    function_id: str
    bindings: tuple[Mapping[str, object], ...]
    retry: RetryPolicy | None

    @property
    def trigger(self) -> Mapping[str, object]:
        """Return the trigger binding. Indexing rejects a function without one."""
        return next(b for b in self.bindings if str(b["type"]).endswith("Trigger"))


def function_from(message: SimpleNamespace) -> FunctionMetadata:
    """Return a function from the library's RpcFunctionMetadata."""
    return FunctionMetadata(
        name=message.name,
        function_id=message.function_id,
        bindings=tuple(json.loads(raw) for raw in message.raw_bindings),
        retry=None if message.retry_options is None else _retry_from(message.retry_options),
    )


def _retry_from(options: SimpleNamespace) -> RetryPolicy:
    def seconds(name: str) -> int | None:
        interval = getattr(options, name, None)
        return None if interval is None else int(interval.total_seconds())

    return RetryPolicy(
        strategy=options.retry_strategy,
        max_retry_count=options.max_retry_count,
        delay_interval_s=seconds("delay_interval"),
        minimum_interval_s=seconds("minimum_interval"),
        maximum_interval_s=seconds("maximum_interval"),
    )
