"""The pages that a ledger's quotas do not count yet, read within a budget."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from metering.app.ledger.earlier_ledgers import periods_before
from metering.app.ledger.past_before import PeriodAt
from metering.app.ledger.reading import pages
from metering.core.basics.errors import LedgerBroken, LedgerLagError
from metering.core.basics.instants import DAY, HOUR, MINUTE, Instant
from metering.core.calendars.dated import MAX_AHEAD
from metering.core.calendars.periods import LedgerId, Period
from metering.core.ledger.chain import START, Position
from metering.core.ledger.earlier import Place
from metering.core.ledger.head import Head
from metering.core.ledger.limits import Limits
from metering.core.ledger.page import Page
from metering.core.plans.quota import Quota
from metering.core.quotas.catch_up import CatchUp
from metering.core.quotas.long_windows import oldest_start
from metering.ports import LedgerStore

#: Ledgers that ended longer ago rarely get usage: each is read once in so many minutes.
_ROUND: Final = 60
#: Ledgers that ended within this time are read each minute.
_LATE: Final = 2 * DAY
#: How much earlier than its usage a page may have been committed: events may be ahead of the
#: clock, and the clocks of two processes differ by less than the rest.
_AHEAD: Final = MAX_AHEAD + HOUR
#: Pages from which on the first one that matters is searched for.
_WORTH_A_SEARCH: Final = 64


@dataclass(slots=True)
class PageBudget:
    """The number of pages that may still be read."""

    left: int

    def take(self, number: int) -> None:
        """Note that so many pages were read."""
        self.left = max(0, self.left - number)


@dataclass(frozen=True, slots=True)
class CatchingUp:
    """Reads the pages that a ledger's quotas do not count yet."""

    store: LedgerStore
    periods: PeriodAt

    async def read(
        self, ledger: LedgerId, counting: CatchUp, limits: Limits, now: Instant, budget: PageBudget
    ) -> LedgerBroken | None:
        """Count late pages of earlier ledgers, then those from before new quotas.

        It ends where the budget does; the places then say where to go on. A broken earlier ledger
        is left out; if a new quota needs it, its fault is returned, and the quota waits there.
        """
        if not counting.has_work:
            return None
        earlier = list[Period]()
        if limits.long:
            earlier = list(periods_before(self.periods, ledger, oldest_start(limits, now)))
        broken: dict[Instant, LedgerBroken] = {}
        for number, period in enumerate(earlier):
            is_due = period.end > now - _LATE or number % _ROUND == now // MINUTE % _ROUND
            if is_due or counting.must_look(period.start):
                try:
                    await self._late(ledger.tenant, period, counting, budget)
                except LedgerBroken as fault:
                    broken[period.start] = fault
        starts = [ledger.start, *(period.start for period in earlier)]
        return await self._back(ledger.tenant, starts, broken, counting, budget)

    async def _back(
        self,
        tenant: str,
        starts: list[Instant],
        broken: Mapping[Instant, LedgerBroken],
        counting: CatchUp,
        budget: PageBudget,
    ) -> LedgerBroken | None:
        """Count ledgers from the present one back; return the fault that ends it."""
        for start, before in zip(starts, [*starts[1:], None], strict=True):
            if start in broken and counting.is_at(start):
                return broken[start]
            try:
                if not await self._before(LedgerId(tenant, start), counting, budget):
                    return None
            except LedgerBroken as fault:
                if start == starts[0]:
                    raise
                return fault
            counting.leave(start, before)
        return None

    async def _late(
        self, tenant: str, period: Period, counting: CatchUp, budget: PageBudget
    ) -> None:
        """Count the late pages of an earlier ledger, as far as the budget goes."""
        ledger = LedgerId(tenant, period.start)
        stored = await self.store.read_head(ledger)
        if stored is None:
            return
        quotas, since = counting.late(period), counting.since(ledger.start)
        through = stored.head.pages
        if quotas:
            through = min(through, since + budget.left)
            await self._count(ledger, since, through, counting, quotas)
            budget.take(through - since)
        counting.looked_at(stored.head, through)

    async def _before(self, ledger: LedgerId, counting: CatchUp, budget: PageBudget) -> bool:
        """Count the pages of one ledger towards new quotas; False if the budget ends before."""
        while (place := counting.next_place(ledger.start)) is not None:
            if not place.page and place.through >= _WORTH_A_SEARCH:
                place = await self._skipped(ledger, place, counting)
            through = min(place.through, place.page + budget.left)
            await self._count(ledger, place.page, through, counting, counting.quotas_at(place))
            budget.take(through - place.page)
            counting.move(place, through)
            if through < place.through:
                return False
        return True

    async def _skipped(self, ledger: LedgerId, place: Place, counting: CatchUp) -> Place:
        """Return a place after the pages that were committed before any usage that matters.

        The times of commits ascend with the pages. Where a wrong clock was set right they go back
        once, and the search may end before that, which skips less.
        """
        since = counting.oldest(place) - _AHEAD
        if since <= ledger.start:
            return place
        first, last = 0, place.through
        while first < last:
            middle = (first + last) // 2
            if (await self._page(ledger, middle + 1)).committed < since:
                first = middle + 1
            else:
                last = middle
        counting.move(place, first)
        return place._replace(page=first)

    async def _count(
        self,
        ledger: LedgerId,
        since: int,
        through: int,
        counting: CatchUp,
        quotas: tuple[Quota, ...],
    ) -> None:
        async with aclosing(self._between(ledger, since, through)) as found:
            async for page in found:
                counting.add(page, quotas)

    async def meanwhile(self, head: Head, counting: CatchUp) -> None:
        """Count the pages that a ledger got while others were read."""
        if not counting.has_new:
            return
        async with aclosing(self._between(head.ledger, counting.through, head.pages)) as found:
            async for page in found:
                counting.add_new(page)

    async def _between(self, ledger: LedgerId, since: int, through: int) -> AsyncGenerator[Page]:
        """Yield the pages of a ledger after one number through another."""
        if since < through:
            first, last = [await self._position(ledger, one) for one in (since, through)]
            async with aclosing(pages(self.store, ledger, since=first, through=last)) as found:
                async for page in found:
                    yield page

    async def _position(self, ledger: LedgerId, number: int) -> Position:
        return Position(number, (await self._page(ledger, number)).hash) if number else START

    async def _page(self, ledger: LedgerId, number: int) -> Page:
        page = await self.store.read_page(ledger, number)
        if page is None:
            raise LedgerLagError(f"ledger {ledger}: page {number} is not there yet")
        return page
