"""Limits: the quotas in force for a ledger, and how much of each is used.

Counting is part of the fold: pages say from where on which quotas are counted, so folding them
gives the counts again. A new quota starts with what its windows had used before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import SLOT, Slot, slot_start
from metering.core.calendars.windows import LATE, Window, window_of
from metering.core.ledger.entry import Change, Entry, State
from metering.core.plans.quota import FULL, Quota
from metering.core.plans.spikes import NO_HOURS, Hours, Spike, spiked, with_spend
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import INDEX, TOKENS

#: A hold whose counts never came stops counting towards quotas.
HOLD_LIFE: Final = DAY


class Limits(NamedTuple):
    """The quotas of a tenant, and the time zone of their windows."""

    zone: str = "UTC"
    quotas: tuple[Quota, ...] = ()
    spike: Spike | None = None
    """When an unusual hour is told; None: never."""
    end: Instant = 0
    """Of the ledger's period: windows end with it. Zero where there are no quotas."""


NO_LIMITS: Final = Limits()

type CounterKey = tuple[str, Instant]
"""A quota's key, and the start of a window."""


class Counter(NamedTuple):
    """What counts towards one quota in one window, in the metric's unit."""

    end: Instant
    used: int = 0
    """By entries; open holds come on top."""
    crossed: int = 0
    """The highest threshold that was reached, whatever was corrected since."""


@dataclass(frozen=True, slots=True)
class LimitChange:
    """Other quotas from a page on, with what those that are new had used before it."""

    limits: Limits
    used: Mapping[CounterKey, Counter] = field(default_factory=dict)
    held: Mapping[Slot, Mapping[CounterKey, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """The state of all quotas of a ledger."""

    limits: Limits = NO_LIMITS
    used: Mapping[CounterKey, Counter] = field(default_factory=dict)
    held: Mapping[Slot, Mapping[CounterKey, int]] = field(default_factory=dict)
    """Open holds by the slot with which they lapse."""
    hours: Hours = NO_HOURS
    """What the last hours came to, where unusual ones are told."""

    def held_by(self, key: CounterKey) -> int:
        """Return what open holds count in a window."""
        return sum(held.get(key, 0) for held in self.held.values())


NO_COUNTS: Final = Counts()


def lapse_of(slot: Slot) -> Instant:
    """Return when the holds of a slot lapse, all together."""
    return slot_start(slot) + SLOT + HOLD_LIFE


def measure(quota: Quota, state: State, end_user: str | None) -> int:
    """Return what a state counts towards a quota, in its unit; a hold counts its estimate.

    What is not billable counts nothing, what has no price counts nothing towards an amount. Other
    meters count towards amounts only.
    """
    of = state.dimensions
    covered = quota.covers(state.rate.model, of.product, of.use_case, end_user)
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
    """Return the counts under other limits: quotas that stay keep theirs."""
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
    return Counts(change.limits, {**used, **change.used}, _filled(held), hours)


def counted(
    counts: Counts, slot: Slot, entries: Sequence[Entry], committed: Instant, start: Instant
) -> Counts:
    """Return the counts after the entries of a page, of one slot, were committed.

    `start` is that of the ledger's period.

    A window that ended a day before is counted no more, and open holds lapse a day after their
    slot.
    """
    if counts.limits.spike is not None:
        counts = replace(counts, hours=with_spend(counts.hours, _spend(entries)))
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
    """Return what is held without what is nothing."""
    filled = {
        slot: {key: value for key, value in by_key.items() if value}
        for slot, by_key in held.items()
    }
    return {slot: by_key for slot, by_key in filled.items() if by_key}


def crossed(counts: Counts) -> Counts:
    """Return the counts with every threshold noted that has been reached by now, and any spike."""
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
    """Return what share of its limit is used, rounded down; FULL where nothing may be."""
    limit = quota.limit_units
    return max(0, value) * FULL // limit if limit else FULL


def change_to(limits: Limits, now: Instant, start: Instant) -> LimitChange:
    """Return the change to other limits in a ledger where nothing was used: all begin at zero.

    `start` is that of the ledger's period.

    A window of now has a counter from the beginning, so that a limit of zero is noted at once.
    """
    period = Window(start, limits.end)
    used = {
        (quota.key, window.start): Counter(window.end)
        for quota in limits.quotas
        if (window := window_of(quota.window, now, limits.zone, period))
    }
    return LimitChange(limits, used)


def new_quotas(counts: Counts, limits: Limits) -> Limits:
    """Return those limits that are not counted yet."""
    known = {quota.key for quota in counts.limits.quotas}
    if limits.zone != counts.limits.zone:
        known = set()
    new = tuple(one for one in limits.quotas if one.key not in known)
    return limits._replace(quotas=new)
