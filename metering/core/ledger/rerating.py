"""Re-rating: entries whose price was missing, or has been superseded, get corrections.

Nothing is edited: a correction holds the same counts under the rate that today's prices, plans and
registry give for the entry's own time.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import SLOT, Slot
from metering.core.ledger.commit import Commit, KnownBySlot, Rating, commit_of, replacement
from metering.core.ledger.counts import LimitChange
from metering.core.ledger.entry import Entry, Reference
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.usage.evidence import counts_known
from metering.core.usage.usage import EventKey, Usage


class Scope(StrEnum):
    """Which entries are rated again."""

    UNPRICED = "unpriced"
    """Those without a price."""
    ALL = "all"
    """Those, and every one whose price is no longer what the books say for its time."""


def as_usage(entry: Entry, now: Instant) -> Usage:
    """Return what an entry recorded, as it would arrive now."""
    state = entry.state
    return Usage(
        entry.key,
        entry.digest,
        state.evidence,
        entry.time,
        now,
        state.dimensions,
        entry.end_user,
        state.buckets,
    )


def corrected(entry: Entry, at: Reference, rate: Rating, now: Instant) -> Entry | None:
    """Return the correction that an entry needs under today's rates; None if it needs none.

    Holds and requests without counts have no price to correct; what was not billable costs nothing
    under any price.
    """
    state = entry.state
    if state.is_hold or not counts_known(state.evidence) or not state.is_billable:
        return None
    new = replacement(entry, at, as_usage(entry, now), rate)
    if new.state.rate == state.rate:
        return None
    # A price that has gone is no reason to take an amount back: unknown never replaces known.
    return new if new.state.rate.is_priced else None


def plan_rerating(
    head: Head,
    known: KnownBySlot,
    usages: Sequence[Usage],
    rate: Rating,
    now: Instant,
    *,
    change: LimitChange | None = None,
) -> Commit:
    """Return the corrections that the latest entries of `usages` need, as a commit.

    An entry that was corrected in between is judged as it is now, so doing it twice changes
    nothing.
    """
    entries: defaultdict[Slot, list[Entry]] = defaultdict(list)
    for usage in usages:
        place = _latest(known, usage)
        if place is None:
            continue
        page, row = place
        correction = corrected(page.entries[row], Reference(page.number, row), rate, now)
        if correction is not None:
            entries[page.slot].append(correction)
    accepted = sum(map(len, entries.values()))
    commit = commit_of(head, entries, now, change)
    return replace(commit, accepted=accepted, duplicates=len(usages) - accepted)


def _latest(known: KnownBySlot, usage: Usage) -> tuple[Page, int] | None:
    return known.get(usage.time // SLOT, {}).get(usage.key)


class Candidates:
    """Collects, page by page, the latest entries of one ledger that need a correction."""

    def __init__(self, rate: Rating, scope: Scope, now: Instant) -> None:
        self._rate = rate
        self._scope = scope
        self._now = now
        self.found: dict[EventKey, tuple[Entry, Entry]] = {}
        """By event: the entry as it stands, and the correction it needs."""

    def add(self, page: Page) -> None:
        """Take one page into account: a later entry of an event takes the place of earlier ones."""
        for row, entry in enumerate(page.entries):
            if entry.supersedes is not None:
                self.found.pop(entry.key, None)
            if self._scope is Scope.UNPRICED and not entry.state.is_unpriced:
                continue
            new = corrected(entry, Reference(page.number, row), self._rate, self._now)
            if new is not None:
                self.found[entry.key] = (entry, new)
