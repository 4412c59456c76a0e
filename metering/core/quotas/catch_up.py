"""Catching up: the pages that the quotas of a ledger do not count yet.

These are late pages of earlier ledgers, and the pages from before a quota was set. Usage adds up in
any order, so such pages are counted apart, and their sums are added to the ledger as it is then.
"""

from dataclasses import replace

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Period, Slot
from metering.core.calendars.windows import LATE, LONG, Window
from metering.core.ledger.counts import Counts, changed, counted, new_quotas
from metering.core.ledger.earlier import SETTLED, Earlier, Place
from metering.core.ledger.head import Head
from metering.core.ledger.limits import Counter, CounterKey, LimitChange, Limits
from metering.core.ledger.page import Page
from metering.core.plans.quota import Quota
from metering.core.quotas.long_windows import oldest_start, since


class CatchUp:
    """Counts pages that a ledger does not count yet, and remembers how far it came."""

    def __init__(
        self, head: Head, change: LimitChange | None, limits: Limits, now: Instant
    ) -> None:
        """Begin at the places of a ledger after the change that it needs beside this one."""
        self._limits, self._now, self._start = limits, now, head.ledger.start
        self._known = head.counts.limits, head.counts.earlier
        earlier = _after(head, change).earlier
        self._pages, self._behind = dict(earlier.pages), dict(earlier.behind)
        self._cut = set(earlier.cut)
        self._told: dict[CounterKey, tuple[int, int]] = {}
        new = new_quotas(head.counts, limits).quotas
        self._new = tuple(quota for quota in new if quota.key in self._behind)
        self.through = head.pages
        """The last page of the ledger that new quotas count, here or from their places on."""
        if limits.long and not earlier.at:
            # Nobody has looked at the ledgers before the first of these yet.
            first = min(self._pages, default=self._start)
            number = self._pages.get(first, 0)
            for quota in limits.long:
                self._behind.setdefault(quota.key, Place(first, number, number))
        self.has_work = bool(limits.long or self._behind)
        nowhere = dict.fromkeys((quota.key for quota in limits.quotas), Place(0, 0, 0))
        self._sums = Counts(
            Limits(limits.zone, end=limits.end, calendar=limits.calendar),
            earlier=Earlier(behind=nowhere),
        )

    @property
    def has_new(self) -> bool:
        """Return whether quotas begin with this change: the ledger counts no page of them yet."""
        return bool(self._new)

    def fits(self, head: Head) -> bool:
        """Return whether what was counted may be added to a later head: no other timer has."""
        return self._known == (head.counts.limits, head.counts.earlier)

    def _oldest(self, quota: Quota) -> Instant:
        """Return the start of the earliest window of a quota that is still counted."""
        at = self._now - LATE if quota.window in LONG else max(self._start, self._now - LATE)
        return self._limits.window(quota, at, Window(self._start, self._limits.end)).start

    def oldest(self, place: Place) -> Instant:
        """Return the earliest time of usage that matters to the quotas at a place."""
        return min(map(self._oldest, self.quotas_at(place)))

    # Late pages of earlier ledgers.

    def late(self, period: Period) -> tuple[Quota, ...]:
        """Return the quotas that count the late pages of an earlier ledger."""
        return tuple(
            quota
            for quota in self._limits.long
            if self._oldest(quota) < period.end
            and self._behind.get(quota.key, Place(0, 0, 0)).start <= period.start
        )

    def must_look(self, ledger: Instant) -> bool:
        """Return whether a ledger has more late pages, or is new to quotas on their way to it."""
        return ledger in self._cut or (
            ledger not in self._pages
            and any(
                quota.key in self._behind and self._behind[quota.key].start > ledger
                for quota in self._limits.long
            )
        )

    def since(self, ledger: Instant) -> int:
        """Return the page of an earlier ledger after which pages are late."""
        return self._pages.get(ledger, 0)

    def looked_at(self, before: Head, number: int) -> None:
        """Note that an earlier ledger was read through a page, and what it told of thresholds."""
        self._pages[before.ledger.start] = number
        self._cut.discard(before.ledger.start)
        if number < before.pages:
            self._cut.add(before.ledger.start)
        for key, counter in before.counts.used.items():
            told, told_ahead = self._told.get(key, (0, 0))
            self._told[key] = max(told, counter.crossed), max(told_ahead, counter.foretold)

    # Pages from before a quota was set.

    def next_place(self, ledger: Instant) -> Place | None:
        """Return a place in one ledger that has pages left, if there is one."""
        places = [one for one in self._behind.values() if one.start == ledger]
        return min((one for one in places if one.page < one.through), default=None)

    def is_at(self, ledger: Instant) -> bool:
        """Return whether a quota has come to this ledger."""
        return any(place.start == ledger for place in self._behind.values())

    def quotas_at(self, place: Place) -> tuple[Quota, ...]:
        """Return the quotas that count the pages from a place on."""
        return tuple(one for one in self._limits.quotas if self._behind.get(one.key) == place)

    def move(self, place: Place, number: int) -> None:
        """Note that the quotas at a place have counted its ledger through a page."""
        for quota in self.quotas_at(place):
            self._behind[quota.key] = place._replace(page=number)

    def leave(self, ledger: Instant, before: Instant | None) -> None:
        """Note that a ledger is counted: quotas go on to the one before it, or are complete."""
        for quota in self._limits.quotas:
            place = self._behind.get(quota.key)
            if place is None or place.start < ledger:
                continue
            is_first = quota.window not in LONG or self._oldest(quota) >= ledger
            if before is None or is_first:
                del self._behind[quota.key]
            else:
                self._behind[quota.key] = Place(before, 0, self.since(before))

    # Counting.

    def add(self, page: Page, quotas: tuple[Quota, ...]) -> None:
        """Count a page towards some quotas."""
        part = replace(self._sums, limits=self._sums.limits._replace(quotas=quotas))
        self._sums = counted(part, page.slot, page.entries, self._now, self._start)

    def add_new(self, page: Page) -> None:
        """Count a page that the ledger got meanwhile, without the quotas that are new."""
        self.add(page, self._new)
        self.through = page.number

    def change(self, head: Head, change: LimitChange | None) -> LimitChange | None:
        """Return a change of the ledger with what was counted; None if nothing changes."""
        if not self.has_work:
            return change
        before, long = _after(head, change), bool(self._limits.long)
        used, known = self._used(before), before.earlier
        pages = since(oldest_start(self._limits, self._now), self._pages) if long else {}
        cut = self._cut.intersection(pages)
        after = Earlier(self._now if long else 0, pages, self._behind, frozenset(cut))
        is_settled = long and known.at < self._start + SETTLED <= self._now
        is_same = after._replace(at=known.at) == known and not used
        if is_same and not is_settled and bool(known.at) == long:
            return change
        change = change or LimitChange(self._limits)
        return replace(
            change,
            used={**change.used, **used},
            held=self._held(before, change),
            earlier=after,
            crowded=self._sums.crowded,
        )

    def _used(self, before: Counts) -> dict[CounterKey, Counter]:
        """Return the counters that change."""
        used: dict[CounterKey, Counter] = {}
        for key in {*before.used, *self._sums.used}:
            sums = self._sums.used.get(key)
            known = before.used.get(key) or Counter(0 if sums is None else sums.end)
            told, told_ahead = self._told.get(key, (0, 0))
            one = known._replace(
                used=known.used + (0 if sums is None else sums.used),
                told=max(known.told, told),
                told_ahead=max(known.told_ahead, told_ahead),
            )
            if one != before.used.get(key):
                used[key] = one
        return used

    def _held(self, before: Counts, change: LimitChange) -> dict[Slot, dict[CounterKey, int]]:
        """Return changed holds; settled ones are zero."""
        held = {slot: dict(of_slot) for slot, of_slot in change.held.items()}
        for slot, of_slot in self._sums.held.items():
            known = before.held.get(slot, {})
            for key, value in of_slot.items():
                held.setdefault(slot, {})[key] = known.get(key, 0) + value
        return held


def _after(head: Head, change: LimitChange | None) -> Counts:
    return head.counts if change is None else changed(head.counts, change)
