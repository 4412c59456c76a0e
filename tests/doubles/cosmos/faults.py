"""Faults to inject: their kind, the requests that meet them, and how often."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from tests.doubles.cosmos.exchange import Kind, RequestInfo

type What = Literal[
    "succeed_then_time_out",
    "fail_before",
    "throttle",
    "drop_connection",
    "stale_read",
    "lagging_query",
]

_ONLY_FOR: dict[str, Kind] = {"stale_read": "read", "lagging_query": "query"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; without kind, container or item it applies to any request for items.

    - `succeed_then_time_out`: the request is carried out, then the connection is held for `hold_s`
      and closed without an answer. None holds it until the client gives up, 0 closes it at once.
    - `fail_before`: nothing is carried out, the answer is `status` and `substatus`.
    - `throttle`: nothing is carried out, the answer is 429 with `retry_after_ms`.
    - `drop_connection`: nothing is carried out, the connection is closed without an answer.
    - `stale_read`: a point read answers the version before the latest, its ETag included; what
      was created only once is not found.
    - `lagging_query`: a query answers without the `lag` newest items that match, or without `item`.

    It applies to the `nth` request that fits and to the following ones, `times` in all.
    """

    what: What
    kind: Kind | None = None
    container: str | None = None
    item: str | None = None
    nth: int = 1
    times: int = 1
    status: int = 503
    substatus: int = 0
    retry_after_ms: int = 5
    lag: int = 1
    hold_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse a fault that can never apply."""
        only = _ONLY_FOR.get(self.what)
        if only is not None and self.kind not in {None, only}:
            raise ValueError(f"{self.what} is a fault of kind {only}, not of kind {self.kind}")

    def fits(self, request: RequestInfo) -> bool:
        """Return whether this fault may apply to a request."""
        kind = self.kind or _ONLY_FOR.get(self.what)
        if kind is None:
            right_kind = request.kind not in {"metadata", "plan"}
        else:
            right_kind = request.kind == kind
        return (
            right_kind
            and self.container in {None, request.container}
            and (self.what == "lagging_query" or self.item in {None, request.item})
        )


@dataclass(slots=True)
class _Waiting:
    fault: Fault
    seen: int = 0
    fired: int = 0


@dataclass(slots=True)
class Faults:
    """The pending faults in the order in which they were added; the first that is due applies."""

    _waiting: list[_Waiting] = field(default_factory=list)
    _schedule: Callable[[RequestInfo], Fault | None] | None = None
    _lock: Lock = field(default_factory=Lock)

    def add(self, *faults: Fault) -> None:
        """Append faults."""
        with self._lock:
            self._waiting.extend(_Waiting(fault) for fault in faults)

    def schedule(self, choose: Callable[[RequestInfo], Fault | None] | None) -> None:
        """Let `choose` decide about every request to which no added fault applies; None ends that.

        The double's thread calls it once for each request, in the order of `RequestInfo.number`,
        metadata and plan requests included. A returned fault applies at once: its `kind`, `nth`
        and `times` are ignored.
        """
        self._schedule = choose

    def clear(self) -> None:
        """Remove all faults and the schedule."""
        with self._lock:
            self._waiting.clear()
        self._schedule = None

    @property
    def pending(self) -> list[Fault]:
        """Return the added faults that have not yet applied `times` times."""
        with self._lock:
            return [waiting.fault for waiting in self._waiting]

    def take(self, request: RequestInfo) -> Fault | None:
        """Return the fault that applies to a request, or None."""
        with self._lock:
            due = self._first_due(self._waiting, request)
            if due is not None:
                due.fired += 1
                if due.fired >= due.fault.times:
                    self._waiting.remove(due)
                return due.fault
        return self._schedule(request) if self._schedule else None

    @staticmethod
    def _first_due(waiting: Iterable[_Waiting], request: RequestInfo) -> _Waiting | None:
        for one in waiting:
            if one.fault.fits(request):
                one.seen += 1
                if one.seen >= one.fault.nth:
                    return one
        return None
