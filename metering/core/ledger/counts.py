"""Limits: the quotas in force for a ledger, and the usage counted towards each.

Counting is part of the fold: pages record changes of the quotas, so folding them gives the same
counts again. A new quota starts with the earlier usage of its windows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import SLOT, Slot, slot_start
from metering.core.calendars.windows import LATE, Window, window_of
from metering.core.ledger.entry import Change, Entry, State
from metering.core.ledger.past import Past, with_settled
from metering.core.plans.quota import FULL, Quota
from metering.core.plans.spikes import NO_HOURS, Hours, Spike, spiked, with_spend
from metering.core.prices.price_book import TOKEN
from metering.core.prices.rating import OTHER_NAMES
from metering.core.usage.buckets import INDEX, TOKENS

#: A hold whose counts never arrive stops counting towards quotas after this time.
HOLD_LIFE: Final = DAY


class Limits(NamedTuple):
    """The quotas of a tenant, and the time zone of their windows."""

    zone: str = "UTC"
    quotas: tuple[Quota, ...] = ()
    spike: Spike | None = None
    """The rule for unusual hours; None for no alert."""
    end: Instant = 0
    """The end of the ledger's period, at which windows end; zero without quotas."""


NO_LIMITS: Final = Limits()

type CounterKey = tuple[str, Instant]
"""A quota's key, and the start of a window."""


class Counter(NamedTuple):
    """The usage of one quota in one window, in the metric's unit."""

    end: Instant
    used: int = 0
    """The usage of entries, without open holds."""
    crossed: int = 0
    """The highest threshold reached so far, regardless of later corrections."""


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A change of quotas from a page on, with the earlier usage of the new ones."""

    limits: Limits
    used: Mapping[CounterKey, Counter] = field(default_factory=dict)
    held: Mapping[Slot, Mapping[CounterKey, int]] = field(default_factory=dict)
    past: Past | None = None
    """The past that the ledger takes over; None if it has one."""

    def takes_over_only(self, counts: "Counts") -> bool:
        """Return whether nothing but the past would change."""
        return self == LimitChange(counts.limits, past=self.past)


@dataclass(frozen=True, slots=True)
class Counts:
    """The state of all quotas of a ledger."""

    limits: Limits = NO_LIMITS
    used: Mapping[CounterKey, Counter] = field(default_factory=dict)
    held: Mapping[Slot, Mapping[CounterKey, int]] = field(default_factory=dict)
    """Open holds by the slot with which they expire."""
    hours: Hours = NO_HOURS
    """The spend of the last hours, if unusual hours are watched."""
    past: Past | None = None
    """None in ledgers that were begun before 2026-11-30, until their next commit."""

    def held_by(self, key: CounterKey) -> int:
        """Return the usage of open holds in a window."""
        return sum(held.get(key, 0) for held in self.held.values())


NO_COUNTS: Final = Counts()


def lapse_of(slot: Slot) -> Instant:
    """Return the time at which all holds of a slot expire."""
    return slot_start(slot) + SLOT + HOLD_LIFE


def measure(quota: Quota, state: State, end_user: str | None) -> int:
    """Return the usage of a state towards a quota, in its unit; a hold counts its estimate.

    A request that is not billable counts zero, and one without a price counts zero towards an
    amount. Other meters count towards amounts only.
    """
    of = state.dimensions
    model = of.model if state.rate.model == OTHER_NAMES else state.rate.model
    covered = quota.covers(model, of.product, of.use_case, end_user)
    if not covered or not (state.is_hold or state.is_billable):
        return 0
    if quota.metric == "amount":
        return state.amount or 0
    return _count(quota.metric, state) if state.rate.unit == TOKEN else 0


def _count(metric: str, state: State) -> int:
    if metric == "requests":
        return 1
    return sum(state.buckets[TOKENS]) if metric == "tokens" else state.buckets[INDEX[metric]]


def changed(counts: Counts, change: LimitChange) -> Counts:
    """Return the counts under changed limits; quotas that stay keep their counts."""
    kept = {quota.key for quota in change.limits.quotas}
    if change.limits.zone != counts.limits.zone:
        kept = set()
    used = {key: counter for key, counter in counts.used.items() if key[0] in kept}
    held = {
        slot: {key: value for key, value in by_key.items() if key[0] in kept}
        for slot, by_key in counts.held.items()
    }
    for slot, by_key in change.held.items():
        held[slot] = {**held.get(slot, {}), **by_key}
    hours = NO_HOURS if change.limits.spike is None else counts.hours
    past = change.past or counts.past
    return Counts(change.limits, {**used, **change.used}, _filled(held), hours, past)


def counted(
    counts: Counts, slot: Slot, entries: Sequence[Entry], committed: Instant, start: Instant
) -> Counts:
    """Return the counts after the entries of a page, all of one slot, were committed.

    `start` is the start of the ledger's period. Windows are dropped a day after their end, and open
    holds expire a day after their slot.
    """
    if counts.limits.spike is not None:
        counts = replace(counts, hours=with_spend(counts.hours, _spend(entries)))
    if counts.past is not None:
        counts = replace(counts, past=with_settled(counts.past, entries, committed))
    if not counts.limits.quotas:
        return counts
    used = {key: one for key, one in counts.used.items() if one.end + LATE > committed}
    held = {of: dict(one) for of, one in counts.held.items() if lapse_of(of) > committed}
    lapsed = lapse_of(slot) <= committed
    period = Window(start, counts.limits.end)
    for time, (state, end_user, sign) in _changes(entries):
        for quota in counts.limits.quotas:
            value = measure(quota, state, end_user) * sign
            if not value:
                continue
            window = window_of(quota.window, time, counts.limits.zone, period)
            if window.end + LATE <= committed:
                continue
            key = quota.key, window.start
            counter = used.setdefault(key, Counter(window.end))
            if not state.is_hold:
                used[key] = counter._replace(used=counter.used + value)
            elif not lapsed and (sign > 0 or slot in held):
                of = held.setdefault(slot, {})
                of[key] = of.get(key, 0) + value
    return replace(counts, used=used, held=_filled(held))


def _changes(entries: Iterable[Entry]) -> Iterator[tuple[Instant, Change]]:
    for entry in entries:
        for change in entry.changes():
            yield entry.time, change


def _spend(entries: Iterable[Entry]) -> Iterator[tuple[Instant, Amount]]:
    for time, (state, _, sign) in _changes(entries):
        if state.is_usage:
            yield time, sign * (state.amount or 0)


def _filled(held: Mapping[Slot, Mapping[CounterKey, int]]) -> dict[Slot, dict[CounterKey, int]]:
    """Return the holds without zeros."""
    filled = {
        slot: {key: value for key, value in by_key.items() if value}
        for slot, by_key in held.items()
    }
    return {slot: by_key for slot, by_key in filled.items() if by_key}


def crossed(counts: Counts) -> Counts:
    """Return the counts with the thresholds reached so far and any spike recorded."""
    if counts.limits.spike is not None:
        counts = replace(counts, hours=spiked(counts.hours, counts.limits.spike))
    if not counts.limits.quotas:
        return counts
    quotas = {quota.key: quota for quota in counts.limits.quotas}
    used = dict(counts.used)
    for key, counter in counts.used.items():
        quota = quotas[key[0]]
        share = percent(quota, counter.used + counts.held_by(key))
        reached = max((one for one in quota.thresholds if one <= share), default=0)
        if reached > counter.crossed:
            used[key] = counter._replace(crossed=reached)
    return replace(counts, used=used)


def percent(quota: Quota, value: int) -> int:
    """Return the percentage of the limit that is used, rounded down; FULL for a limit of zero."""
    limit = quota.limit_units
    return max(0, value) * FULL // limit if limit else FULL


def change_to(limits: Limits, now: Instant, start: Instant) -> LimitChange:
    """Return the change to other limits in a ledger without usage: all counts begin at zero.

    `start` is the start of the ledger's period. Current windows get a counter at once, so that a
    limit of zero takes effect immediately.
    """
    period = Window(start, limits.end)
    used = {
        (quota.key, window.start): Counter(window.end)
        for quota in limits.quotas
        if (window := window_of(quota.window, now, limits.zone, period))
    }
    return LimitChange(limits, used)


def new_quotas(counts: Counts, limits: Limits) -> Limits:
    """Return the limits reduced to the quotas that are not counted yet."""
    known = {quota.key for quota in counts.limits.quotas}
    if limits.zone != counts.limits.zone:
        known = set()
    new = tuple(one for one in limits.quotas if one.key not in known)
    return limits._replace(quotas=new)
