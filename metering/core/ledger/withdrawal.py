"""Withdrawals: entries that take back a request which counts a second time.

Nothing is edited: the entry supersedes the one that should not count, and adds nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.commit import Commit, KnownBySlot, commit_of
from metering.core.ledger.double_counts import placed
from metering.core.ledger.entry import Entry, Kind, Reference, State, Superseded
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange
from metering.core.ledger.names import Rating
from metering.core.ledger.page import Page
from metering.core.usage.buckets import NO_TOKENS
from metering.core.usage.usage import EventKey, Usage


class Active(NamedTuple):
    """An entry that counts, and where."""

    ledger: LedgerId
    at: Reference
    committed: Instant
    entry: Entry


class ActiveEntries:
    """Follows the entries of one id through the pages of any number of ledgers."""

    def __init__(self, id_: str) -> None:
        self._id = id_
        self._active: dict[tuple[EventKey, LedgerId], list[tuple[Superseded, Active]]] = {}

    def add(self, page: Page) -> None:
        """Take in the next page of a ledger."""
        for entry, state in placed(page):
            if entry.id != self._id:
                continue
            active = self._active.setdefault((entry.key, page.ledger), [])
            active[:] = [one for one in active if one[0] != entry.supersedes]
            if entry.state.kind is not Kind.WITHDRAWAL:
                found = Active(page.ledger, state.at, page.committed, entry)
                active.append((state, found))

    def found(self) -> dict[EventKey, list[Active]]:
        """Return the entries that count, by identity, the first committed first."""
        by_key: dict[EventKey, list[Active]] = {}
        for (key, _), active in self._active.items():
            by_key.setdefault(key, []).extend(one for _, one in active)
        return {
            key: sorted(active, key=lambda one: (one.committed, one.ledger, one.at))
            for key, active in by_key.items()
            if active
        }


def withdrawal(entry: Entry, at: Reference, now: Instant) -> Entry:
    """Return the entry that takes another one back."""
    of = entry.state
    nothing = State(Kind.WITHDRAWAL, of.evidence, of.dimensions, of.rate, NO_TOKENS, 0)
    taken = Superseded(at, of, entry.end_user)
    return entry._replace(arrival=now, state=nothing, supersedes=taken)


class PlanWithdrawal:
    """Plans the commit that takes back one entry; implements Planner."""

    def __init__(self, taken: Active) -> None:
        self._taken = taken

    def __call__(
        self,
        head: Head,
        known: KnownBySlot,
        usages: Sequence[Usage],
        rate: Rating,  # noqa: ARG002, a withdrawal has the rate of what it takes back
        now: Instant,
        *,
        change: LimitChange | None = None,
    ) -> Commit:
        """Return the commit; an entry that was superseded meanwhile is left alone."""
        _, at, _, entry = self._taken
        found = known[entry.slot].get(entry.key)
        latest = None if found is None else found[0].entries[found[1]].supersedes
        is_superseded = latest is not None and latest.at == at
        entries = {} if is_superseded else {entry.slot: [withdrawal(entry, at, now)]}
        commit = commit_of(head, entries, now, change)
        accepted = len(entries)
        return replace(commit, accepted=accepted, duplicates=len(usages) - accepted)
