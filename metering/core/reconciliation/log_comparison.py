"""Log comparison: the requests in the gateway's logs beside those in the ledgers."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import slot_of
from metering.core.reconciliation.ledger_requests import Found, LedgerRequests, Where
from metering.core.reports.breakdown import day_of
from metering.core.streams.joining import Counted, counted
from metering.core.streams.log_rows import LlmRow, merge_rows
from metering.core.usage.buckets import INDEX, TOKENS, Buckets

#: Requests in the logs of one comparison, all held in memory: about 500 MB.
MAX_REQUESTS: Final = 1_000_000
#: Requests listed by id in a report.
MAX_NAMED: Final = 100

_WRITES: Final = (INDEX["cache_write"], INDEX["cache_write_long"])


class Absent(StrEnum):
    """The reason why a request with counts in the logs has none in the ledgers."""

    LATE = "late"
    """Its log is recent, or it will be recovered after the recovery delay."""
    PENDING = "pending"
    """A stream that waits for these counts."""
    MISSING = "missing"
    """Its entry has no counts; these would correct it."""
    UNCLAIMED = "unclaimed"
    """Its counts arrived, but the request was never reported."""
    UNKNOWN = "unknown"
    """Neither the ledgers nor the pending store has the request."""


#: Reasons that resolve by themselves.
PASSING: Final = frozenset({Absent.LATE, Absent.PENDING})


class LogLine(NamedTuple):
    """One day and deployment on both sides."""

    day: str
    deployment: str | None
    requests: int
    tokens: int
    logged_requests: int
    logged_tokens: int
    differing: int
    """Requests on both sides whose tokens differ."""


class AbsentRequest(NamedTuple):
    """One request whose counts the ledgers do not have."""

    id: str
    day: str
    deployment: str | None
    tokens: int
    why: Absent


class DifferingRequest(NamedTuple):
    """One request on both sides whose tokens differ."""

    id: str
    day: str
    deployment: str | None
    tokens: int
    """As the ledger has them, without those that the log does not count."""
    logged_tokens: int


class LogReport(NamedTuple):
    """The result of comparing gateway logs with the ledgers."""

    lines: tuple[LogLine, ...]
    absent: Counter[Absent]
    named: tuple[AbsentRequest, ...]
    """The first MAX_NAMED of them."""
    refused: int
    """Log records whose counts cannot be used."""
    differing: tuple[DifferingRequest, ...] = ()
    """The first MAX_NAMED requests whose tokens differ."""

    @property
    def remains(self) -> bool:
        """Say whether there is a difference that will not resolve by itself."""
        lasting = sum(count for why, count in self.absent.items() if why not in PASSING)
        return bool(lasting or self.refused or any(line.differing for line in self.lines))


class LogComparison:
    """Compares the rows of logs with the requests of ledgers; add the logs first."""

    def __init__(self) -> None:
        self._rows: dict[str, LlmRow] = {}
        self._found: dict[str, Found] = {}
        self._ledger: defaultdict[Where, list[int]] = defaultdict(lambda: [0, 0])

    def add_rows(self, rows: Iterable[LlmRow]) -> None:
        """Add rows. Raises ConfigurationError if they are of too many requests."""
        for row in rows:
            known = self._rows.get(row.request_id)
            self._rows[row.request_id] = row if known is None else _merged(known, row)
        if len(self._rows) > MAX_REQUESTS:
            raise ConfigurationError(
                f"the logs are of more than {MAX_REQUESTS:,} requests: compare fewer at a time"
            )

    def span(self) -> tuple[Instant, Instant] | None:
        """Return the times of the first and last request; None if no row has a time."""
        times = [row.time for row in self._rows.values() if row.time is not None]
        return (min(times), max(times)) if times else None

    def ledger(self) -> LedgerRequests:
        """Return the requests of a ledger, to which its pages are added."""
        return LedgerRequests(self._rows.keys())

    def add(self, ledger: LedgerRequests) -> None:
        """Add the requests of a ledger whose pages have all been added."""
        self._found |= ledger.found
        for where, (requests, tokens) in ledger.sums.items():
            cell = self._ledger[where]
            cell[0] += requests
            cell[1] += tokens

    def absent(self) -> list[LlmRow]:
        """Return the logged requests whose counts the ledgers do not have."""
        return [row for id_, row in self._rows.items() if not self._has(id_)]

    def is_missing(self, request_id: str) -> bool:
        """Say whether a request's entry has no counts."""
        found = self._found.get(request_id)
        return found is not None and found.state.is_missing and not found.state.is_hold

    def is_held(self, request_id: str) -> bool:
        """Say whether the ledgers have only a hold of a request."""
        found = self._found.get(request_id)
        return found is not None and found.state.is_hold

    def _has(self, request_id: str) -> bool:
        found = self._found.get(request_id)
        return found is not None and not found.state.is_missing and not found.state.is_hold

    def report(self, absent: Iterable[tuple[LlmRow, Absent]]) -> LogReport:
        """Return the report; `absent` has each request of `absent()` with its reason."""
        logged: defaultdict[Where, list[int]] = defaultdict(lambda: [0, 0, 0])
        refused, differing = 0, list[DifferingRequest]()
        for request_id, row in self._rows.items():
            found = self._found.get(request_id)
            try:
                said = counted(row)
            except RejectedEvent:
                refused += 1
                continue
            where = _where(row) if found is None else found.where
            cell = logged[where]
            cell[0] += 1
            cell[1] += said.tokens
            if found is None or not self._has(request_id):
                continue
            ours = _comparable(found.state.buckets, said)
            if said.tokens != ours:
                cell[2] += 1
                differing.append(DifferingRequest(request_id, *where, ours, said.tokens))
        reasons = Counter[Absent]()
        named: list[AbsentRequest] = []
        for row, why in absent:
            reasons[why] += 1
            if len(named) < MAX_NAMED:
                named.append(AbsentRequest(row.request_id, *_where(row), sum(_parts(row)), why))
        some = tuple(sorted(differing)[:MAX_NAMED])
        return LogReport(self._lines(logged), reasons, tuple(named), refused, some)

    def _lines(self, logged: dict[Where, list[int]]) -> tuple[LogLine, ...]:
        places = sorted(
            self._ledger.keys() | logged.keys(), key=lambda where: (where[0], where[1] or "")
        )
        return tuple(
            LogLine(*where, *self._ledger.get(where, (0, 0)), *logged.get(where, (0, 0, 0)))
            for where in places
        )


def _merged(known: LlmRow, row: LlmRow) -> LlmRow:
    return merge_rows((known, row))[row.request_id]


def _comparable(buckets: Buckets, said: Counted) -> int:
    """Return the tokens of an entry that the log also counts."""
    tokens = sum(buckets[TOKENS])
    return tokens if said.has_cache_writes else tokens - sum(buckets[at] for at in _WRITES)


def _parts(row: LlmRow) -> tuple[int, int]:
    return row.prompt_tokens or 0, row.completion_tokens or 0


def _where(row: LlmRow) -> Where:
    day = "" if row.time is None else day_of(slot_of(row.time))
    return day, None if row.deployment is None else row.deployment.casefold()
