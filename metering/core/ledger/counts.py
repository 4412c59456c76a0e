"""Limits: the quotas in force for a ledger, and the usage counted towards each.

Counting is part of the fold: pages record changes of the quotas, so folding them gives the same
counts again. A new quota starts with the earlier usage of its windows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import SLOT, Slot, slot_start
from metering.core.calendars.windows import LATE, LONG, Window
from metering.core.ledger.crowding import crowded_out
from metering.core.ledger.earlier import NONE_EARLIER, Earlier
from metering.core.ledger.entry import Change, Entry, State
from metering.core.ledger.limits import NO_LIMITS, Counter, CounterKey, LimitChange, Limits
from metering.core.ledger.past import Past, with_settled
from metering.core.plans.quota import Quota
from metering.core.plans.scope import Attributes
from metering.core.plans.spikes import KEPT, NO_HOURS, USUAL, Hours, with_spend
from metering.core.prices.price_book import TOKEN
from metering.core.prices.rating import OTHER_NAMES
from metering.core.usage.buckets import INDEX, TOKENS

#: A hold whose counts never arrive stops counting towards quotas after this time.
HOLD_LIFE: Final = DAY


@dataclass(frozen=True, slots=True)
class Counts:
    """The state of all quotas of a ledger."""

    limits: Limits = NO_LIMITS
    used: Mapping[CounterKey, Counter] = field(default_factory=dict)
    held: Mapping[Slot, Mapping[CounterKey, int]] = field(default_factory=dict)
    """Open holds by the slot with which they expire."""
    hours: Hours = NO_HOURS
    """The spend of the last hours, if a spike or a forecast needs them."""
    crowded: frozenset[str] = frozenset()
    """Keys of quotas that had more values than are counted: see `crowding.py`."""
    past: Past | None = None
    """None in ledgers that were begun before 2026-11-30, until their next commit."""
    earlier: Earlier = NONE_EARLIER
    """The extent to which earlier ledgers are counted, in windows that overlap several."""

    def is_counting(self, quota: Quota) -> bool:
        """Return whether usage from before a quota was set is still to be counted."""
        return quota.key in self.earlier.behind or (quota.window in LONG and not self.earlier.at)

    def held_by(self, key: CounterKey) -> int:
        """Return the usage of open holds of one counter."""
        return sum(held.get(key, 0) for held in self.held.values())


NO_COUNTS: Final = Counts()


def hours_zone(counts: Counts) -> str | None:
    """Return the time zone of hours of the week; None for the rule of ledgers without a past."""
    return None if counts.past is None else counts.limits.zone


def lapse_of(slot: Slot) -> Instant:
    """Return the time at which all holds of a slot expire."""
    return slot_start(slot) + SLOT + HOLD_LIFE


def attributes_of(state: State, end_user: str | None) -> Attributes:
    """Return the attributes of a counted request, as scopes name them."""
    of = state.dimensions
    model = of.model if state.rate.model == OTHER_NAMES else state.rate.model
    return Attributes(model, of.product, of.use_case, end_user, of.subject, of.agent, of.session)


def measure(quota: Quota, state: State) -> int:
    """Return the usage of a state towards a quota that covers it; a hold counts its estimate.

    A request that is not billable counts zero, and one without a price counts zero towards an
    amount. Other meters count towards amounts only.
    """
    if not (state.is_hold or state.is_billable):
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
    used = {key: counter for key, counter in counts.used.items() if key.quota in kept}
    held = {
        slot: {key: value for key, value in by_key.items() if key.quota in kept}
        for slot, by_key in counts.held.items()
    }
    for slot, by_key in change.held.items():
        held[slot] = {**held.get(slot, {}), **by_key}
    hours = counts.hours if change.limits.needs_hours else NO_HOURS
    if change.past is not None and change.limits.needs_hours and not hours.amounts:
        hours = change.past.hours
    past = counts.past if change.past is None else replace(change.past, hours=NO_HOURS)
    crowded = counts.crowded & kept | change.crowded
    used = {**used, **change.used}
    earlier = change.earlier
    if earlier is None:
        behind = {key: place for key, place in counts.earlier.behind.items() if key in kept}
        earlier = counts.earlier._replace(behind=behind)
    if not change.limits.long:
        earlier = Earlier(behind=earlier.behind)
    return Counts(change.limits, used, _filled(held), hours, crowded, past, earlier)


def counted(
    counts: Counts, slot: Slot, entries: Sequence[Entry], committed: Instant, start: Instant
) -> Counts:
    """Return the counts after the entries of a page, all of one slot, were committed.

    `start` is the start of the ledger's period. Windows are dropped a day after their end, and open
    holds expire a day after their slot.
    """
    if counts.limits.needs_hours:
        kept = USUAL if counts.past is None else KEPT
        counts = replace(counts, hours=with_spend(counts.hours, _spend(entries), kept))
    if counts.past is not None:
        past = with_settled(counts.past, entries, committed)
        counts = counts if past is counts.past else replace(counts, past=past)
    if not counts.limits.quotas:
        return counts
    used = {key: one for key, one in counts.used.items() if one.end + LATE > committed}
    held = {of: dict(one) for of, one in counts.held.items() if lapse_of(of) > committed}
    lapsed = lapse_of(slot) <= committed
    period = Window(start, counts.limits.end)
    for time, (state, end_user, sign) in _changes(entries):
        attributes = attributes_of(state, end_user)
        for quota in counts.limits.quotas:
            values = quota.scope.values_in(attributes)
            value = 0 if values is None else measure(quota, state) * sign
            if values is None or not value:
                continue
            window = counts.limits.window(quota, time, period)
            if window.end + LATE <= committed:
                continue
            key = CounterKey(quota.key, window.start, values)
            counter = used.setdefault(key, Counter(window.end))
            if not state.is_hold:
                used[key] = counter._replace(used=counter.used + value)
            elif not lapsed and (sign > 0 or slot in held or quota.key in counts.earlier.behind):
                # The page of a hold may be counted after the one that takes it back.
                of = held.setdefault(slot, {})
                of[key] = of.get(key, 0) + value
    return _uncrowded(replace(counts, used=used, held=_filled(held)))


def _uncrowded(counts: Counts) -> Counts:
    """Return the counts without those of split quotas that there is no room for."""
    shares = sum(1 for quota in counts.limits.quotas if quota.scope.split_by)
    if not shares:
        return counts
    dropped = crowded_out(counts.used, counts.held, shares)
    if not dropped:
        return counts
    used = {key: one for key, one in counts.used.items() if key not in dropped}
    held = {
        slot: {key: value for key, value in by_key.items() if key not in dropped}
        for slot, by_key in counts.held.items()
    }
    crowded = counts.crowded | {key.quota for key in dropped}
    return replace(counts, used=used, held=_filled(held), crowded=crowded)


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


def change_to(limits: Limits, now: Instant, start: Instant) -> LimitChange:
    """Return the change to other limits in a ledger without usage: all counts begin at zero.

    `start` is the start of the ledger's period. Current windows get a counter at once, so that a
    limit of zero takes effect immediately.
    """
    period = Window(start, limits.end)
    used = {
        CounterKey(quota.key, window.start): Counter(window.end)
        for quota in limits.quotas
        if not quota.scope.split_by and (window := limits.window(quota, now, period))
    }
    return LimitChange(limits, used)


def new_quotas(counts: Counts, limits: Limits) -> Limits:
    """Return the limits reduced to the quotas that are not counted yet."""
    known = {quota.key for quota in counts.limits.quotas}
    if limits.zone != counts.limits.zone:
        known = set()
    new = tuple(one for one in limits.quotas if one.key not in known)
    return limits._replace(quotas=new)
