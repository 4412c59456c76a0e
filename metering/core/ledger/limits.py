"""Limits: the quotas in force for a ledger, and their counters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.calendars.calendar import MONTHS, Calendar
from metering.core.calendars.periods import Period, Slot
from metering.core.calendars.windows import LONG, Window, window_of
from metering.core.ledger.earlier import Earlier
from metering.core.ledger.entry import State
from metering.core.ledger.past import Past
from metering.core.plans.increases import Increase, limit_in_force
from metering.core.plans.quota import Quota
from metering.core.plans.scope import Values
from metering.core.plans.spikes import Spike


class Limits(NamedTuple):
    """The quotas of a tenant, and the time zone of their windows."""

    zone: str = "UTC"
    quotas: tuple[Quota, ...] = ()
    spike: Spike | None = None
    """The rule for unusual hours; None for no alert."""
    end: Instant = 0
    """The end of the ledger's period, at which windows end; zero without quotas."""
    increases: tuple[Increase, ...] = ()
    """Higher limits that end by themselves."""
    calendar: Calendar = MONTHS
    """The tenant's, which weeks, quarters and years follow; MONTHS without quotas on these."""

    @property
    def long(self) -> tuple[Quota, ...]:
        """The quotas whose windows overlap several ledgers."""
        return tuple(quota for quota in self.quotas if quota.window in LONG)

    def window(self, quota: Quota, at: Instant, period: Period | Window) -> Window:
        """Return the window of a quota that contains an instant of the ledger's period."""
        return window_of(quota.window, at, self.zone, period, self.calendar)

    @property
    def needs_hours(self) -> bool:
        """Whether the spend of the last hours is kept: for unusual hours, or for forecasts."""
        return self.spike is not None or any(quota.forecast for quota in self.quotas)

    def limit_of(self, quota: Quota, values: Values, at: Instant) -> int:
        """Return the limit of one counter at an instant, in the metric's unit."""
        return limit_in_force(quota, values, self.increases, at)[0]


NO_LIMITS: Final = Limits()


class CounterKey(NamedTuple):
    """The key of a counter: one quota, one window, the same values."""

    quota: str
    """The quota's key."""
    start: Instant
    """The start of the window."""
    values: Values = ()
    """Of the attributes by which the quota is split."""


class Counter(NamedTuple):
    """The usage of one quota in one window, in the metric's unit."""

    end: Instant
    used: int = 0
    """The usage of entries, without open holds."""
    crossed: int = 0
    """The highest threshold reached so far, regardless of later corrections."""
    foretold: int = 0
    """The highest threshold that the forecast has reached so far."""
    told: int = 0
    """The highest threshold that an earlier ledger has told of."""
    told_ahead: int = 0
    """The highest threshold of the forecast that an earlier ledger has told of."""


class Holds(NamedTuple):
    """The open holds of one slot; `amount` covers those with a price."""

    requests: int = 0
    tokens: int = 0
    amount: Amount = 0

    def plus(self, state: State, sign: int) -> "Holds":
        """Return these holds with one more (`sign` 1) or one less (-1)."""
        return Holds(
            self.requests + sign,
            self.tokens + sign * sum(state.buckets),
            self.amount + sign * (state.amount or 0),
        )


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A change of quotas from a page on, with the earlier usage of the new ones."""

    limits: Limits
    used: Mapping[CounterKey, Counter] = field(default_factory=dict)
    held: Mapping[Slot, Mapping[CounterKey, int]] = field(default_factory=dict)
    past: Past | None = None
    """The past from the page on; None if it stays as it is."""
    holds: Mapping[Slot, Holds] | None = None
    """The open holds, where a wrong clock had ended them; the ledger's time goes back to now."""
    earlier: Earlier | None = None
    """The extent to which earlier ledgers are counted from the page on; None if unchanged."""
    crowded: frozenset[str] = frozenset()
    """Keys of quotas that had more values in earlier pages than there is room for."""

    def takes_over_only(self, limits: Limits) -> bool:
        """Return whether nothing but the past would change under these limits."""
        return self == LimitChange(limits, past=self.past)
