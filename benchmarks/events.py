"""The events that are measured: rows of the trace, as the gateway would have sent them."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import batched, cycle, islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import SECOND, Instant, parse_instant
from metering.local.demo.trace import read_trace
from metering.local.demo.traffic import SUBSCRIPTIONS, Request, assign, body

BATCH_SIZE: Final = 200
"""Events of one tenant in one batch."""
ROUNDS: Final = 10
"""Batches of every tenant that are timed; one more comes first and is not."""

#: The time of the trace's first row here: after the start of every price in the price book.
_START: Final = parse_instant("2026-10-16T00:00:00Z")
#: When every event arrives: after the last of them, before the month ends.
NOW: Final = parse_instant("2026-10-30T00:00:00Z")

type Batch = list[bytes]
"""Bodies that arrive together."""


class Load(NamedTuple):
    """The input of one pass: no id comes twice, so every event is rated and becomes an entry."""

    warm: list[Batch]
    """Taken in before the clock starts: caches and ledgers are as in a process that runs."""
    timed: list[Batch]

    @property
    def events(self) -> int:
        """The number of events timed."""
        return sum(map(len, self.timed))


def loads(trace: Path | None) -> tuple[Load, Load]:
    """Return the same events twice: in batches of one tenant each, and of all five together.

    ConfigurationError where the trace cannot be read or leaves a subscription without a row.
    """
    rows = read_trace(trace)
    times = [row.time for row in rows]
    first = min(times, default=0)
    span = max(times, default=first) - first + SECOND
    by_subscription: defaultdict[str, list[Request]] = defaultdict(list)
    for row in rows:
        here = row._replace(time=row.time - first + _START)
        request = assign(here)
        by_subscription[request.subscription].append(request)
    tenants = [_batches(name, by_subscription[name], span) for name, _ in SUBSCRIPTIONS]
    rounds = list(zip(*tenants, strict=True))
    alone = [[batch for turn in part for batch in turn] for part in (rounds[:1], rounds[1:])]
    mixed = [[_mixed(turn) for turn in part] for part in (rounds[:1], rounds[1:])]
    return Load(*alone), Load(*mixed)


def _batches(name: str, requests: Sequence[Request], span: Instant) -> list[Batch]:
    """Return a tenant's batches: its rows in order, and again with new ids right after the last."""
    if not requests:
        raise ConfigurationError(f"trace: has no row for subscription {name}: take a longer one")
    wanted = (ROUNDS + 1) * BATCH_SIZE
    bodies = [
        body(
            request,
            request.row.time + number // len(requests) * span,
            f"bench-{number // len(requests):02d}",
        )
        for number, request in enumerate(islice(cycle(requests), wanted))
    ]
    return [list(batch) for batch in batched(bodies, BATCH_SIZE, strict=True)]


def _mixed(batches: Sequence[Batch]) -> Batch:
    """Return one batch of all tenants in turns."""
    return [body for turn in zip(*batches, strict=True) for body in turn]


def reported(event: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the report of a stream whose counts come with the log."""
    hold = {"prompt_tokens_estimate": 1_000, "max_output_tokens": 1_000}
    data = {**event["data"], "tokens": "pending", "usage": None, "hold": hold, **more}
    return {**event, "data": data}


def log_row(event: dict[str, Any]) -> dict[str, Any]:
    """Return the row of the gateway's log for a request."""
    used = event["data"]["usage"]
    properties = {
        "correlationId": event["id"],
        "modelName": event["data"]["model"],
        "promptTokens": used.get("prompt_tokens", used.get("input_tokens")),
        "completionTokens": used.get("completion_tokens", used.get("output_tokens", 0)),
        "sequenceNumber": 0,
    }
    return {"time": event["time"], "category": "GatewayLlmLogs", "properties": properties}
