"""Read the usage of capacity from ledgers: heads say which ones have any, pages say when."""

import asyncio
from collections.abc import AsyncIterator, Collection
from itertools import batched
from typing import Final

from metering.core.allocation.capacity_usage import CapacityUsage, LedgerUsage, capacities_in
from metering.core.basics.errors import LedgerBroken, RetryableError
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import Period
from metering.core.ledger.head import Head
from metering.core.tenancy.directory import Directory
from metering.ports import LedgerStore

#: Heads read at once: enough to keep the service busy, few enough not to throttle ourselves.
_AT_ONCE: Final = 16


class CapacityReading:
    """Reads with bounded memory: pages go by, sums by deployment, hour and tenant stay."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    async def usage(
        self, directory: Directory, month: Period, places: Collection[str]
    ) -> CapacityUsage:
        """Return the usage of these deployments (keys in lower case) in a month, as of now.

        LedgerBroken: a ledger that used one cannot be trusted, so nothing can be divided.
        """
        usage = CapacityUsage()
        async for head in self._heads(directory, month.start, month.end):
            used = capacities_in(head).intersection(places)
            if used:
                usage.add(await self._counted(head, month, used), used)
        return usage

    async def used_before(
        self, directory: Directory, end: Instant, places: Collection[str]
    ) -> set[str]:
        """Return which of these deployments anybody used before an instant."""
        found: set[str] = set()
        async for head in self._heads(directory, BEGINNING, end):
            new = capacities_in(head).intersection(places) - found
            period = directory.period_of(head.ledger)
            if new and period.end > end:
                # Its head does not say on which side of the instant the usage is.
                counted = await self._counted(head, period._replace(end=end), new)
                new = {place for (place, _), tokens in counted.tokens.items() if tokens}
            found |= new
        return found

    async def up_to(self, usage: LedgerUsage, page: int) -> None:
        """Add the pages of a ledger up to a number, as far as they are there."""
        async for one in self._store.pages(usage.ledger):
            if one.number > page:
                break
            usage.add(one)

    async def _counted(self, head: Head, span: Period, places: Collection[str]) -> LedgerUsage:
        usage = LedgerUsage(head.ledger, span, places)
        await self.up_to(usage, head.pages)
        if usage.page < head.pages:
            raise RetryableError(f"ledger {head.ledger}: page {head.pages} is not there yet")
        if usage.hash != head.last_hash:
            raise LedgerBroken(str(head.ledger), "its head does not name its last page's hash")
        return usage

    async def _heads(
        self, directory: Directory, start: Instant, end: Instant
    ) -> AsyncIterator[Head]:
        """Yield the heads of the ledgers whose period overlaps `[start, end)`."""
        ledgers = [
            ledger
            for ledger in await self._store.ledgers()
            if ledger.start < end and directory.period_of(ledger).end > start
        ]
        for some in batched(ledgers, _AT_ONCE, strict=False):
            stored = await asyncio.gather(*map(self._store.read_head, some))
            for ledger, found in zip(some, stored, strict=True):
                if found is None:
                    # It was listed by its head: to leave it out would divide the cost wrongly.
                    raise RetryableError(f"ledger {ledger}: its head is not there yet")
                yield found.head
