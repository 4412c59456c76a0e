"""Read the usage of capacity: the heads show which ledgers have any, the pages when."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from itertools import batched
from typing import Final

from metering.app.ledger.reading import listed_head, pages
from metering.core.allocation.capacity_usage import CapacityUsage, LedgerUsage, capacities_in
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, Period
from metering.core.ledger.chain import Position
from metering.core.ledger.head import Head
from metering.core.tenancy.directory import Directory
from metering.ports import LedgerStore

#: Heads read at once: enough to hide latency, few enough to avoid throttling.
_AT_ONCE: Final = 16
#: Sums by deployment and hour that a process keeps between two readings: some 20 MB.
_MAX_SUMS: Final = 100_000

type Kept = dict[tuple[LedgerId, Instant, tuple[str, ...]], LedgerUsage]
"""The usage of ledgers in a month as far as it was read, the least recently read first."""


@dataclass(slots=True)
class CapacityReading:
    """Reads with bounded memory: it keeps sums by deployment, hour and tenant, not pages."""

    store: LedgerStore
    kept: Kept | None = None
    """Ledgers as counted before, which go on from there; None to read each from its first page."""

    async def usage(
        self, directory: Directory, month: Period, places: Collection[str]
    ) -> CapacityUsage:
        """Return the usage of these deployments (keys in lower case) in a month, as of now.

        Raises LedgerBroken if a ledger that used one cannot be trusted.
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
        """Return those of these deployments that were used before an instant."""
        found: set[str] = set()
        async for head in self._heads(directory, BEGINNING, end):
            new = capacities_in(head).intersection(places) - found
            period = directory.period_of(head.ledger)
            if new and period.end > end:
                # The head does not show on which side of the instant the usage is.
                counted = await self._counted(head, period._replace(end=end), new)
                new = {place for (place, _), tokens in counted.tokens.items() if tokens}
            found |= new
        return found

    async def read(self, usage: LedgerUsage, through: Position) -> None:
        """Add the pages of a ledger through a position. Raises what `reading.pages` raises."""
        async for page in pages(self.store, usage.ledger, since=usage.through, through=through):
            usage.add(page)

    async def _counted(self, head: Head, span: Period, places: Collection[str]) -> LedgerUsage:
        if self.kept is None:
            usage = LedgerUsage(head.ledger, span, places)
            await self.read(usage, head.position)
            return usage
        key = head.ledger, span.start, tuple(sorted(places))
        # If it fails it is left out, and read from the first page the next time.
        usage = self.kept[key] if key in self.kept else LedgerUsage(head.ledger, span, places)
        self.kept.pop(key, None)
        await self.read(usage, head.position)
        self.kept[key] = usage
        while sum(len(one.tokens) for one in self.kept.values()) > _MAX_SUMS:
            del self.kept[next(iter(self.kept))]
        return usage

    async def _heads(
        self, directory: Directory, start: Instant, end: Instant
    ) -> AsyncIterator[Head]:
        """Yield the heads of the ledgers whose period overlaps `[start, end)`."""
        ledgers = [
            ledger
            for ledger in await self.store.ledgers()
            if ledger.start < end and directory.period_of(ledger).end > start
        ]
        for some in batched(ledgers, _AT_ONCE, strict=False):
            # A ledger without its head is an error: leaving it out would divide the cost wrongly.
            for head in await asyncio.gather(*(listed_head(self.store, one) for one in some)):
                yield head
