"""Entries: the immutable lines of a ledger."""

from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import Slot, slot_of
from metering.core.prices.rating import Rate, amount_of
from metering.core.usage.buckets import Buckets
from metering.core.usage.evidence import Evidence, counts_known
from metering.core.usage.usage import CACHE_HIT, Dimensions, EventKey, is_billable

_FROM_LOGS: Final = frozenset({Evidence.RECOVERED, Evidence.TOTALS})


class Kind(IntEnum):
    """The kind of an entry; entries store the number."""

    USAGE = 1
    """A request counted for the first time; it may supersede its hold."""
    HOLD = 2
    """An estimate for a stream whose counts have not arrived yet."""
    CORRECTION = 3
    """A request whose recorded state is superseded by better counts."""
    OUTCOME = 4
    """A business outcome; totals of usage do not include it."""
    WITHDRAWAL = 5
    """Takes back a request that had been counted before: it adds nothing of its own."""


_NO_USAGE: Final = frozenset({Kind.HOLD, Kind.OUTCOME, Kind.WITHDRAWAL})


class Basis(StrEnum):
    """The source of a request's counts, for people; every request has one."""

    FULL = "full"
    """The provider's usage object."""
    TOTALS = "totals"
    """A log with totals only."""
    RECOVERED = "recovered"
    """A log, for a request that no policy reported."""
    ESTIMATED = "estimated"
    """An estimate by the producer."""
    AGGREGATE = "aggregate"
    """A sum over many requests, by a platform's own counter."""
    MISSING = "missing"
    """Nothing: the counts of a request that was processed never arrived."""
    NOT_BILLABLE = "not_billable"
    """Nothing, and nothing is owed: the request was rejected or failed."""
    PENDING = "pending"
    """Nothing yet: a stream waits for its counts, and its hold is an estimate."""
    WITHDRAWN = "withdrawn"
    """Nothing any more: it had counted twice and was taken back."""


_BASES: Final = {
    Evidence.FULL: Basis.FULL,
    Evidence.TOTALS: Basis.TOTALS,
    Evidence.RECOVERED: Basis.RECOVERED,
    Evidence.ESTIMATED: Basis.ESTIMATED,
    Evidence.AGGREGATE: Basis.AGGREGATE,
}


class State(NamedTuple):
    """The state of one request in the ledger."""

    kind: Kind
    evidence: Evidence
    dimensions: Dimensions
    rate: Rate
    buckets: Buckets
    amount: Amount | None

    @property
    def is_hold(self) -> bool:
        """Say whether this is an estimate, which only quotas count."""
        return self.kind is Kind.HOLD

    @property
    def is_usage(self) -> bool:
        """Say whether totals count it: it is neither an estimate nor an outcome."""
        return self.kind not in _NO_USAGE

    @property
    def is_billable(self) -> bool:
        """Say whether the service processed the request."""
        of, counted = self.dimensions, counts_known(self.evidence)
        return not self.is_from_cache and is_billable(of.status, counted=counted, error=of.error)

    @property
    def is_from_cache(self) -> bool:
        """Say whether a cache of the gateway gave the response, and no model."""
        return self.dimensions.cache == CACHE_HIT

    @property
    def is_missing(self) -> bool:
        """Say whether the request was processed but its counts are unknown."""
        return not counts_known(self.evidence) and self.is_billable

    @property
    def is_totals_only(self) -> bool:
        """Say whether the counts come from a log, which may not distinguish cached tokens."""
        return self.evidence in _FROM_LOGS and self.is_billable

    @property
    def basis(self) -> "Basis":
        """The source of the counts."""
        if self.is_hold:
            return Basis.PENDING
        if self.kind is Kind.WITHDRAWAL:
            return Basis.WITHDRAWN
        if not self.is_billable:
            return Basis.NOT_BILLABLE
        return _BASES.get(self.evidence, Basis.MISSING)

    @property
    def is_unpriced(self) -> bool:
        """Say whether the counts are known but the price is not."""
        return not self.rate.is_priced and counts_known(self.evidence) and self.is_billable


def expected_amount(state: State) -> Amount | None:
    """Return the amount that a state must have; None while counts or price are unknown.

    A request that the service did not process costs nothing under any price.
    """
    if not state.is_billable:
        return 0
    if state.is_missing and not state.is_hold:
        return None
    return amount_of(state.rate, state.buckets)


class Reference(NamedTuple):
    """The position of an entry: page number and row."""

    page: int
    row: int


class Superseded(NamedTuple):
    """The state that an entry replaces, and the entry that had recorded it."""

    at: Reference
    state: State
    end_user: str | None = None


def any_source(key: EventKey) -> EventKey:
    """Return the identity under which a request recovered from a log is known to any source.

    No event has an empty source.
    """
    return key[0], "", key[2]


class Change(NamedTuple):
    """A state that starts to count (`sign` 1) or stops counting (-1), and its end user."""

    state: State
    end_user: str | None
    sign: int


class Entry(NamedTuple):
    """One line of a ledger. It adds its state and takes away the state that it supersedes."""

    key: EventKey
    digest: str
    time: Instant
    arrival: Instant
    end_user: str | None
    state: State
    supersedes: Superseded | None

    @property
    def id(self) -> str:
        """The event's id within its source."""
        return self.key[2]

    def changes(self) -> tuple[Change, ...]:
        """Return what the entry changes: its state is added, a superseded one taken away.

        A withdrawal only takes away.
        """
        added = Change(self.state, self.end_user, 1)
        replaced = self.supersedes
        if replaced is None:
            return (added,)
        taken = Change(replaced.state, replaced.end_user, -1)
        return (taken,) if self.state.kind is Kind.WITHDRAWAL else (added, taken)

    @property
    def slot(self) -> Slot:
        """The slot of the request's time."""
        return slot_of(self.time)
