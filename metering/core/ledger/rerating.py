"""Re-rating: corrections for entries whose price was missing or has been superseded.

Entries are never edited: a correction holds the same counts under the rate that today's prices,
plans and registry give for the time of the entry.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import SLOT, Slot
from metering.core.ledger.commit import Commit, KnownBySlot, commit_of, replacement
from metering.core.ledger.entry import Entry, Reference
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange
from metering.core.ledger.names import BoundedNames, Rating, without_name
from metering.core.ledger.page import Page
from metering.core.usage.evidence import counts_known
from metering.core.usage.usage import EventKey, Usage


class Scope(StrEnum):
    """The entries to rate again."""

    UNPRICED = "unpriced"
    """Entries without a price."""
    ALL = "all"
    """Also entries whose price differs from today's price for their time."""


def as_usage(entry: Entry, now: Instant) -> Usage:
    """Return the usage of an entry as if it arrived now."""
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
    """Return the correction that an entry needs under today's rates, if any.

    Holds and requests without counts have no price to correct, and a request that is not billable
    costs nothing under any price. Outcomes and withdrawals have none either.
    """
    state = entry.state
    if not state.is_usage or not counts_known(state.evidence) or not state.is_billable:
        return None
    new = replacement(entry, at, as_usage(entry, now), rate)
    if state.rate in (new.state.rate, without_name(new.state.rate)):
        return None
    # A price that is gone does not revoke an amount: unknown never replaces known.
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
    """Return a commit of the corrections that the latest entries of `usages` need.

    It uses the current state of each entry, so planning twice changes nothing.
    """
    rate = BoundedNames(rate, head)
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
    """Collects the latest entries of one ledger that need a correction."""

    def __init__(self, rate: Rating, scope: Scope, now: Instant) -> None:
        self._rate = rate
        self._scope = scope
        self._now = now
        self.found: dict[EventKey, tuple[Entry, Entry]] = {}
        """By event: the entry and the correction that it needs."""

    def add(self, page: Page) -> None:
        """Add one page; a later entry of an event replaces earlier ones."""
        for row, entry in enumerate(page.entries):
            if entry.supersedes is not None:
                self.found.pop(entry.key, None)
            if self._scope is Scope.UNPRICED and not entry.state.is_unpriced:
                continue
            new = corrected(entry, Reference(page.number, row), self._rate, self._now)
            if new is not None:
                self.found[entry.key] = (entry, new)
