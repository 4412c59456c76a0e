"""Windows that overlap several ledgers: what earlier ledgers have used of them.

A ledger counts its own pages, as for every window. The usage of earlier ledgers comes in two ways:
its first commit takes over the counters of the ledger before, which has them from its own start
in turn, and the timer adds the pages that earlier ledgers get later.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import replace

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.calendars.windows import LATE, Window
from metering.core.ledger.counts import Counts, changed, counted, new_quotas
from metering.core.ledger.earlier import SETTLED, Earlier
from metering.core.ledger.head import Head
from metering.core.ledger.limits import Counter, CounterKey, LimitChange, Limits
from metering.core.ledger.page import Page


def oldest_start(limits: Limits, now: Instant) -> Instant:
    """Return the start of the earliest window that is still counted, of quotas that have some."""
    at = now - LATE
    return min(limits.window(quota, at, Window(at, limits.end)).start for quota in limits.long)


def taken_over(change: LimitChange, before: Head | None, now: Instant) -> LimitChange:
    """Return the first change of a ledger with the counters of the ledger before, if there is one.

    If that one does not count all of these quotas in the same windows, nothing is taken over: the
    timer reads the pages.
    """
    if before is None:
        return replace(change, earlier=Earlier(now))
    limits, known = change.limits, before.counts.limits
    long = {quota.key for quota in limits.long}
    if known.calendar != limits.calendar or not long <= {one.key for one in known.long}:
        return change
    used = {
        key: counter._replace(told=counter.crossed, told_ahead=counter.foretold)
        for key, counter in before.counts.used.items()
        if key.quota in long and counter.end + LATE > now
    }
    pages = {**before.counts.earlier.pages, before.ledger.start: before.pages}
    # Where the timer has not looked before the one before, it has to now.
    at = now if before.counts.earlier.at else 0
    return replace(
        change,
        used={**change.used, **used},
        held={**change.held, **_of(long, before.counts.held)},
        earlier=Earlier(at, _since(oldest_start(limits, now), pages)),
    )


def _of(
    long: Collection[str], held: Mapping[Slot, Mapping[CounterKey, int]]
) -> dict[Slot, dict[CounterKey, int]]:
    return {
        slot: {key: value for key, value in of_slot.items() if key.quota in long}
        for slot, of_slot in held.items()
    }


def _since(oldest: Instant, pages: Mapping[Instant, int]) -> dict[Instant, int]:
    """Return the positions without those of ledgers that ended before an instant."""
    starts = sorted(pages)
    first = max(0, bisect_right(starts, oldest) - 1)
    return {start: pages[start] for start in starts[first:]}


class EarlierUsage:
    """Counts the pages of earlier ledgers that a ledger does not count yet."""

    def __init__(
        self, head: Head, change: LimitChange | None, limits: Limits, now: Instant
    ) -> None:
        """Take the change that the ledger needs beside this one, with its own usage."""
        self._change, self._now = change, now
        self._start = head.ledger.start
        self._before = head.counts if change is None else changed(head.counts, change)
        self._new = new_quotas(head.counts, limits).long
        new = {quota.key for quota in self._new}
        self._known = tuple(quota for quota in limits.long if quota.key not in new)
        self._keys = {quota.key for quota in limits.long}
        self._limits = limits
        self._counts = Counts(
            Limits(limits.zone, end=limits.end, calendar=limits.calendar),
            {key: one for key, one in self._before.used.items() if key.quota in self._keys},
            _of(self._keys, self._before.held),
        )
        self._pages = dict(self._before.earlier.pages)
        self._told: dict[CounterKey, tuple[int, int]] = {}

    @property
    def has_new(self) -> bool:
        """Whether a quota is new, which every page of earlier ledgers counts towards."""
        return bool(self._new)

    @property
    def needs_all(self) -> bool:
        """Whether every earlier ledger is to be read: for the first time, or for a new quota."""
        return self.has_new or not self._before.earlier.at

    def since(self, ledger: LedgerId) -> int:
        """Return the page of an earlier ledger after which pages are to be added."""
        return 0 if self._new else self._pages.get(ledger.start, 0)

    def add(self, page: Page) -> None:
        """Add a page of an earlier ledger."""
        is_counted = page.number <= self._pages.get(page.ledger.start, 0)
        quotas = self._new if is_counted else (*self._new, *self._known)
        part = replace(self._counts, limits=self._counts.limits._replace(quotas=quotas))
        self._counts = counted(part, page.slot, page.entries, self._now, self._start)

    def end(self, before: Head) -> None:
        """Note that all pages of an earlier ledger were added, and what it told of thresholds."""
        self._pages[before.ledger.start] = before.pages
        for key, counter in before.counts.used.items():
            told, told_ahead = self._told.get(key, (0, 0))
            self._told[key] = max(told, counter.crossed), max(told_ahead, counter.foretold)

    def change(self) -> LimitChange | None:
        """Return the change of the ledger; None if nothing changes."""
        before, at = self._before, self._before.earlier.at
        pages = _since(oldest_start(self._limits, self._now), self._pages)
        used = {key: self._with_told(key, one) for key, one in self._counts.used.items()}
        used = {key: one for key, one in used.items() if before.used.get(key) != one}
        is_settled = at < self._start + SETTLED <= self._now
        if at and not is_settled and not used and pages == before.earlier.pages:
            return self._change
        change = self._change or LimitChange(self._limits)
        return replace(
            change,
            used={**change.used, **used},
            held=self._held(change.held),
            earlier=Earlier(self._now, pages),
        )

    def _with_told(self, key: CounterKey, counter: Counter) -> Counter:
        told, told_ahead = self._told.get(key, (0, 0))
        return counter._replace(
            told=max(counter.told, told), told_ahead=max(counter.told_ahead, told_ahead)
        )

    def _held(
        self, changed: Mapping[Slot, Mapping[CounterKey, int]]
    ) -> dict[Slot, dict[CounterKey, int]]:
        """Return changed holds with those that earlier ledgers change; settled ones are zero."""
        held = {slot: dict(of_slot) for slot, of_slot in changed.items()}
        before, after = _of(self._keys, self._before.held), self._counts.held
        for slot in {*before, *after}:
            was, now = before.get(slot, {}), after.get(slot, {})
            for key in {*was, *now}:
                if was.get(key, 0) != now.get(key, 0):
                    held.setdefault(slot, {})[key] = now.get(key, 0)
        return held
