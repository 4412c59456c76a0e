"""Breakdowns of ledgers, kept between reads and brought up to date with the pages since."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from metering.app.ledger.reading import head_of, pages
from metering.app.reports.rollup_reading import must_belong, read_listed
from metering.core.basics.errors import LedgerBroken, RollupBroken
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Days, LedgerId
from metering.core.ledger.chain import START, Position
from metering.core.reports.breakdown import SUMMED_BY, Breakdown, day_of
from metering.core.reports.rollup import PartName
from metering.ports import Executor, LedgerStore, RollupStore

#: Groups kept in this process, over all tenants: some 100 MB.
MAX_GROUPS: Final = 150_000
#: The weight of a breakdown beside its groups, in groups.
_WEIGHT: Final = 20
#: Pages that are added to a breakdown; beyond, the rollup, a minute behind, is read again.
_MAX_BEHIND: Final = 500
#: Attempts to read a rollup while it is being written; after that all pages are read.
_LOOKS: Final = 2

type Spend = Callable[[int], None]
"""Told of each piece of work before or after it is done, in groups read or returned."""


def unlimited(_groups: int) -> None:
    """Limit nothing: for commands."""


class LedgerRead(NamedTuple):
    """A ledger behind an answer, and the position of the answer."""

    ledger: LedgerId
    page: int
    """The last page that is included."""
    rolled_up: int
    """The last page that was read from the rollup."""
    committed: Instant | None
    """The commit time of the last page."""
    rolled_up_to: Instant | None = None
    """The commit time of the last page read from the rollup."""


class _Key(NamedTuple):
    ledger: LedgerId
    group_by: tuple[str, ...]
    days: Days

    def needs(self, part: PartName) -> bool:
        """Say whether a part of the rollup is to be read: a summary stands for all of its day."""
        return part.day in self.days and part.is_summary == SUMMED_BY.issuperset(self.group_by)


@dataclass(slots=True)
class Kept:
    """The breakdown of a ledger as of a page. Only whoever has the tenant's turn may read it."""

    breakdown: Breakdown
    position: Position
    read: LedgerRead


@dataclass(slots=True, kw_only=True)
class Breakdowns:
    """The breakdowns of a process, with eviction of what the largest tenant used least recently.

    A read costs the head and the pages since the last one. Computations run beside the event loop,
    one at a time, and one read a tenant.
    """

    store: LedgerStore
    rollups: RollupStore
    executor: Executor
    _kept: OrderedDict[_Key, Kept] = field(init=False, default_factory=OrderedDict)
    _evicted: list[tuple[str, Breakdown]] = field(init=False, default_factory=list)
    """Breakdowns to let go of, by tenant: whoever has the tenant's turn may still read them."""
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(
        init=False, default_factory=WeakValueDictionary
    )

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """Wait until no other read of the tenant is under way, and keep others out."""
        lock = self._turns.get(tenant)
        if lock is None:
            lock = self._turns[tenant] = asyncio.Lock()
        async with lock:
            yield
        await self._let_go()

    async def of(
        self, ledger: LedgerId, group_by: tuple[str, ...], days: Days, spend: Spend
    ) -> Kept:
        """Return the breakdown of a ledger with every committed page; sorted. Needs the turn."""
        key = _Key(ledger, group_by, days)
        kept = self._kept.pop(key, None)
        if kept is not None:
            kept = await self._brought_up_to_date(kept, days, spend)
        if kept is None:
            kept = await self._rolled_up(key, spend)
            await self._follow(kept, days, spend)
        await self.executor.run(kept.breakdown.sort)
        # Kept only now: after a fault or a cancellation in between it is read anew.
        self._kept[key] = kept
        self._trim()
        return kept

    async def once(
        self, ledger: LedgerId, group_by: tuple[str, ...], days: Days, spend: Spend = unlimited
    ) -> Breakdown:
        """Return the breakdown of a ledger with every committed page, without keeping it.

        For reads of all tenants, which would take the place of what each tenant reads often.
        """
        found = await self._rolled_up(_Key(ledger, group_by, days), spend)
        await self._follow(found, days, spend)
        return found.breakdown

    async def _brought_up_to_date(self, kept: Kept, days: Days, spend: Spend) -> Kept | None:
        """Add the pages since; None if it is better made anew.

        That is so if the ledger no longer has the page that was the last, and if the rollup is
        likely to be much further.
        """
        head = await head_of(self.store, kept.read.ledger)
        page = kept.position.page
        if head is None or page == 0 or not page <= head.pages <= page + _MAX_BEHIND:
            return None
        if head.position != kept.position:
            try:
                await self._follow(kept, days, spend)
            except LedgerBroken:
                return None
        return kept

    async def _follow(self, kept: Kept, days: Days, spend: Spend) -> None:
        async for page in pages(self.store, kept.read.ledger, since=kept.position):
            if day_of(page.slot) in days:
                spend(len(page.entries))
                await self.executor.run(partial(kept.breakdown.add, page))
            kept.position = Position(page.number, page.hash)
            kept.read = kept.read._replace(page=page.number, committed=page.committed)

    async def _rolled_up(self, key: _Key, spend: Spend) -> Kept:
        """Return the usage in the rollup; empty if it cannot be used."""
        for _ in range(_LOOKS):
            breakdown = Breakdown(key.group_by)
            try:
                stored = await self.rollups.read_cursor(key.ledger)
                if stored is None:
                    break
                cursor = stored.cursor
                committed = await must_belong(self.store, cursor)
                names = [name for name in cursor.parts if key.needs(name)]
                async for part in read_listed(self.rollups, cursor, names):
                    spend(len(part.counts))
                    await self.executor.run(partial(breakdown.add_counts, part.counts))
            except RollupBroken:
                continue
            read = LedgerRead(key.ledger, cursor.page, cursor.page, committed, committed)
            return Kept(breakdown, cursor.position, read)
        return Kept(Breakdown(key.group_by), START, LedgerRead(key.ledger, 0, 0, None))

    def _trim(self) -> None:
        sizes = Counter[str]()
        for key, kept in self._kept.items():
            sizes[key.ledger.tenant] += len(kept.breakdown) + _WEIGHT
        total = sizes.total()
        while total > MAX_GROUPS:
            ((tenant, _),) = sizes.most_common(1)
            oldest = next(key for key in self._kept if key.ledger.tenant == tenant)
            breakdown = self._kept.pop(oldest).breakdown
            self._evicted.append((tenant, breakdown))
            size = len(breakdown) + _WEIGHT
            sizes[tenant] -= size
            total -= size

    async def _let_go(self) -> None:
        """Empty what was evicted and nobody reads: at once it would hold up the event loop."""
        busy = {tenant for tenant, lock in self._turns.items() if lock.locked()}
        idle = [breakdown for tenant, breakdown in self._evicted if tenant not in busy]
        self._evicted = [one for one in self._evicted if one[0] in busy]
        for breakdown in idle:
            await self.executor.run(breakdown.clear)
