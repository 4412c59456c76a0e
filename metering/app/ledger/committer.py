"""The commit protocol: read the head, look up ids, plan, write in one transaction, or retry.

See docs/adr/0001-ledger.md. Whatever happened to an attempt, the next one starts from what the
store holds, so no event is lost and none counts twice, with any number of writers.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from metering.app.ledger.earlier_ledgers import LedgersBefore
from metering.app.ledger.ledger_view import LedgerView, Views
from metering.app.ledger.past_before import PeriodAt, past_before
from metering.app.ledger.wrong_clock import counted_again
from metering.core.basics.errors import (
    HeadMovedError,
    LedgerBroken,
    RetryableError,
    TooLargeError,
)
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import SLOT, LedgerId, Slot, slot_of, slot_start
from metering.core.ledger.chain import Chain, Position
from metering.core.ledger.commit import (
    MAX_SLOTS,
    Commit,
    KnownBySlot,
    Planner,
    plan_commit,
)
from metering.core.ledger.head import Head, follow
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.ledger.names import Rating
from metering.core.ledger.page import MAX_ENTRIES, Page
from metering.core.quotas.limit_change import change_from_head
from metering.core.usage.usage import Usage
from metering.ports import Clock, LedgerStore

#: With eight writers on one ledger each loses a few races in a row; many more are a fault.
MAX_RACES: Final = 30
#: Retries after an unknown outcome; the store adapter has retried before it raises.
MAX_DOUBTS: Final = 2
#: Most pages read one by one after a lost race; beyond that, the slots are queried again.
MAX_CATCH_UP: Final = 32
_FIRST_PAUSE_S: Final = 0.002
_LONGEST_PAUSE_S: Final = 0.25

#: Most entries cached of a busy ledger before its view is dropped and read again.
_MAX_VIEW_ENTRIES: Final = 60_000


type LimitsInForce = Callable[[LedgerId, Instant], Limits | None]
"""Returns the limits of a ledger's tenant at an instant; None for a ledger of another period."""


def no_limits(_ledger: LedgerId, _at: Instant) -> Limits | None:
    """Leave the limits of every ledger as they are."""
    return None


class _PageMissingError(RetryableError):
    """A head, or a page it names, cannot be read: a replica lags, or the document is lost."""


class Committed(NamedTuple):
    """The outcomes of the events of one ledger."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: tuple[Usage, ...] = ()
    effects: int = 0
    """Outbox messages written with the commit."""

    def plus(self, other: "Committed") -> "Committed":
        """Return the sum of two outcomes."""
        return Committed(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.effects + other.effects,
        )


class _Work(NamedTuple):
    """The functions that turn usages into entries."""

    rate: Rating
    planner: Planner


@dataclass(slots=True, kw_only=True)
class Committer:
    """Commits usage to ledgers, one commit at a time for each ledger of this process."""

    store: LedgerStore
    clock: Clock
    periods: PeriodAt
    limits: LimitsInForce = no_limits
    checked_pages: int = 1
    """Number of a ledger's last pages to verify when this process first reads it."""
    max_gaps: int = 1
    """After so many failed point reads of a page that the head names, the ledger is broken."""
    _views: Views = field(init=False, default_factory=Views)
    _locks: WeakValueDictionary[LedgerId, asyncio.Lock] = field(
        init=False, default_factory=WeakValueDictionary
    )

    async def commit(
        self,
        ledger: LedgerId,
        usages: Sequence[Usage],
        rate: Rating,
        planner: Planner = plan_commit,
    ) -> Committed:
        """Commit events of one ledger and return their outcomes.

        Raises RetryableError when the store stays out of reach, LedgerBroken when this ledger
        cannot be trusted. Safe to repeat after either: what was committed answers as a duplicate.
        """
        answer = Committed()
        for part in _split(usages):
            done, adjacent = await self._commit_part(ledger, part, _Work(rate, planner))
            answer = answer.plus(done)
            for neighbour, corrections in adjacent.items():
                done, _ = await self._commit_part(neighbour, corrections, _Work(rate, planner))
                answer = answer.plus(done)
        self._views.trim()
        return answer

    async def _commit_part(
        self, ledger: LedgerId, usages: Sequence[Usage], work: _Work
    ) -> tuple[Committed, dict[LedgerId, list[Usage]]]:
        lock = self._locks.setdefault(ledger, asyncio.Lock())
        async with lock:
            try:
                commit = await self._retry_until_known(ledger, usages, work)
            except TooLargeError as refused:
                if len(usages) < 2:  # noqa: PLR2004, one event cannot be halved
                    reason = f"one event takes more than a commit may hold ({refused})"
                    raise LedgerBroken(str(ledger), reason) from None
                commit = None
        if commit is None:
            half = len(usages) // 2
            first, adjacent = await self._commit_part(ledger, usages[:half], work)
            second, more = await self._commit_part(ledger, usages[half:], work)
            for neighbour, corrections in more.items():
                adjacent.setdefault(neighbour, []).extend(corrections)
            return first.plus(second), adjacent
        answer = Committed(
            commit.accepted, commit.duplicates, commit.conflicts, len(commit.effects)
        )
        return answer, {name: list(found) for name, found in commit.for_adjacent_ledger.items()}

    async def _retry_until_known(
        self, ledger: LedgerId, usages: Sequence[Usage], work: _Work
    ) -> Commit:
        """Attempt until the outcome is known; after an unknown one, drop the view and retry.

        After a lost race the outcome is known: nothing was written. Read the others' commits.
        """
        races = doubts = gaps = 0
        behind = False
        while True:
            try:
                if behind:
                    await self._catch_up(ledger)
                return await self._attempt(ledger, usages, work)
            except HeadMovedError:
                behind = True
                races += 1
                if races == MAX_RACES:
                    raise
            except _PageMissingError as gap:
                self._views.forget(ledger)
                gaps += 1
                if gaps == self.max_gaps:
                    raise LedgerBroken(str(ledger), f"{gap} is not there") from gap
            except RetryableError:
                self._views.forget(ledger)
                doubts += 1
                if doubts == MAX_DOUBTS:
                    raise
            except BaseException:
                # Cancelled at a deadline, or worse: the outcome is unknown.
                self._views.forget(ledger)
                raise
            pause = _FIRST_PAUSE_S * 2 ** (races + doubts + gaps)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))

    async def _attempt(self, ledger: LedgerId, usages: Sequence[Usage], work: _Work) -> Commit:
        view = await self._view(ledger)
        slots = _with_neighbours(usages)
        await self._load_slots(view, slots)
        known = await self._with_adjacent(view, slots)
        now = self.clock.now()
        change = await self._change(view.head, now)
        commit = work.planner(view.head, known, usages, work.rate, now, change=change)
        if commit.head != view.head:
            await self.store.commit(commit)
            view.advance(commit.head, commit.pages)
        return commit

    async def _change(self, head: Head, now: Instant) -> LimitChange | None:
        """Return what a page of this commit changes: the limits, and once the past."""
        limits = self.limits(head.ledger, now) or head.counts.limits
        change = await counted_again(self.store, head, limits, now)
        change = change or self._limit_change(head, now)
        if head.counts.past is not None:
            return change
        past = await past_before(self.store, self.periods, head.ledger)
        change = replace(change or LimitChange(head.counts.limits), past=past)
        before = LedgersBefore(self.store, self.periods)
        return change if head.pages else await before.take_over(head.ledger, change, now)

    def _limit_change(self, head: Head, now: Instant) -> LimitChange | None:
        """Return the change to the limits in force now, if the head alone has the usage.

        Otherwise the timer `enforce_quotas` reads the pages; commits do not wait for that.
        """
        wanted = self.limits(head.ledger, now)
        if wanted is None or wanted == head.counts.limits:
            return None
        return change_from_head(head, wanted, now)

    async def _view(self, ledger: LedgerId) -> LedgerView:
        """Return the cached view, or a new one: reads the head first, pages after it."""
        view = self._views.get(ledger)
        if view is not None and view.entries <= _MAX_VIEW_ENTRIES:
            return view
        stored = await self.store.read_head(ledger)
        if stored is None and await self.store.read_page(ledger, 1) is not None:
            # The first commit may have come between the two reads: read the head again.
            stored = await self.store.read_head(ledger)
            if stored is None:
                raise _PageMissingError("its head")
        if stored is None:
            view = LedgerView(Head(ledger))
        else:
            await self._check_chain(stored.head)
            view = LedgerView(stored.head)
        self._views.put(view)
        return view

    async def _catch_up(self, ledger: LedgerId) -> None:
        """After a lost race, fold the pages that others wrote since; forget all where one breaks.

        Pages are immutable and chained, so those after the view's head are all that it lacks.
        Reading every page of its slots again would cost more with each page.
        """
        view = self._views.get(ledger)
        if view is None:
            return
        self._views.forget(ledger)
        pages: list[Page] = []
        for number in range(view.head.pages + 1, view.head.pages + MAX_CATCH_UP + 1):
            page = await self.store.read_page(ledger, number)
            if page is None:
                break
            pages.append(page)
        else:
            return
        with suppress(LedgerBroken):
            view.advance(follow(view.head, pages), pages)
            self._views.put(view)

    async def _check_chain(self, head: Head) -> None:
        """Verify the last pages, up to the hash that the head names.

        They are read one by one: a lagging query may omit pages that exist.
        """
        chain = Chain(head.ledger)
        first = max(1, head.pages - self.checked_pages + 1)
        for number in range(first, head.pages + 1):
            page = await self._page(head.ledger, number)
            if number == first > 1:
                # The page before the first one checked is not read: take its hash as given.
                chain.position = Position(number - 1, page.previous)
            chain.follow(page)
        chain.require(head.position)

    async def _page(self, ledger: LedgerId, number: int) -> Page:
        page = await self.store.read_page(ledger, number)
        if page is None:
            raise _PageMissingError(f"page {number}")
        return page

    async def _load_slots(self, view: LedgerView, slots: Sequence[Slot]) -> None:
        wanted = view.missing(slots)
        if wanted:
            pages = await self.store.read_slots(view.ledger, wanted)
            await self._must_be_latest(view.head, pages)
            pages += await self._read_missing(view.head, wanted, pages)
            for page in sorted(pages, key=lambda page: page.number):
                view.learn(wanted, [page])
                # Tens of thousands of entries take tenths of a second: others are served between.
                await asyncio.sleep(0)
            view.learn(wanted, [])

    async def _must_be_latest(self, head: Head, pages: Iterable[Page]) -> None:
        """Raise where a query returns a page beyond the head: the pages between come first."""
        if max((page.number for page in pages), default=0) > head.pages:
            await self._page(head.ledger, head.pages + 1)
            raise HeadMovedError(f"ledger {head.ledger}: has more than {head.pages} pages")

    async def _read_missing(
        self, head: Head, slots: Sequence[Slot], found: Iterable[Page]
    ) -> list[Page]:
        """Read by id the pages that the head lists and a lagging query omitted."""
        seen = {page.number for page in found}
        listed = [number for number, slot in head.recent if slot in set(slots)]
        return [await self._page(head.ledger, number) for number in listed if number not in seen]

    async def _with_adjacent(self, view: LedgerView, slots: Sequence[Slot]) -> KnownBySlot:
        """Add the entries of adjacent ledgers in slots that cross the period's edge.

        They are read each time: a cached view belongs to the holder of the ledger's lock.
        """
        known = dict(view.known(slots))
        for neighbour, shared in self._over_the_edge(view.ledger, slots):
            stored = await self.store.read_head(neighbour)
            if stored is not None:
                adjacent = LedgerView(stored.head)
                await self._load_slots(adjacent, shared)
                for slot, theirs in adjacent.known(shared).items():
                    known[slot] = {**theirs, **known[slot]}
        return known

    def _over_the_edge(
        self, ledger: LedgerId, slots: Sequence[Slot]
    ) -> list[tuple[LedgerId, list[Slot]]]:
        """Return the adjacent ledgers that may have entries in these slots, with those slots."""
        tenant, start = ledger
        end = self.periods(tenant, start).end
        early = [slot for slot in slots if slot_start(slot) < start]
        late = [slot for slot in slots if slot_start(slot) + SLOT > end]
        before = self.periods(tenant, start - 1).start
        edges = [(LedgerId(tenant, before), early), (LedgerId(tenant, end), late)]
        return [(name, shared) for name, shared in edges if shared]


def _split(usages: Sequence[Usage]) -> list[Sequence[Usage]]:
    """Split a batch into parts with few enough slots and entries for one commit."""
    distinct = {usage.time // SLOT for usage in usages}
    if len(distinct) <= MAX_SLOTS and len(usages) <= MAX_ENTRIES:
        return [usages]
    by_slot: defaultdict[Slot, list[Usage]] = defaultdict(list)
    for usage in usages:
        by_slot[slot_of(usage.time)].append(usage)
    parts: list[Sequence[Usage]] = []
    slots = list(by_slot.values())
    for first in range(0, len(slots), MAX_SLOTS):
        together = [usage for slot in slots[first : first + MAX_SLOTS] for usage in slot]
        parts.extend(
            together[start : start + MAX_ENTRIES] for start in range(0, len(together), MAX_ENTRIES)
        )
    return parts


def _with_neighbours(usages: Iterable[Usage]) -> list[Slot]:
    slots = {usage.time // SLOT for usage in usages}
    return sorted(slots | {slot - 1 for slot in slots} | {slot + 1 for slot in slots})
