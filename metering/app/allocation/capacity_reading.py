"""Read the usage of capacity: the heads show which ledgers have any, the pages when."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from itertools import batched
from typing import Final, NamedTuple

from metering.app.ledger.reading import listed_head, pages
from metering.core.allocation.capacity_usage import CapacityUsage, LedgerUsage, capacities_in
from metering.core.basics.errors import InvariantBroken, LedgerLagError, MeteringError
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, Period
from metering.core.ledger.chain import Chain, Position
from metering.core.ledger.head import Head
from metering.core.tenancy.directory import Directory
from metering.ports import LedgerStore

#: Heads read at once: enough to hide latency, few enough to avoid throttling.
_AT_ONCE: Final = 16
#: Sums by deployment and hour that a process keeps between two readings: some 20 MB.
_MAX_SUMS: Final = 100_000

#: Faults of one ledger: it is left out, and the others are counted.
FAULTS: Final = (InvariantBroken, LedgerLagError)

type _Key = tuple[LedgerId, Instant, tuple[str, ...]]
type Kept = dict[_Key, LedgerUsage]
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

        A ledger that cannot be read is left out of the deployments that it used, by its head;
        without a head it may have used any.
        """
        usage = CapacityUsage()
        async for found in self._heads(directory, month.start, month.end):
            used = found.used(places)
            if used:
                counted, fault = await self._counted(found, month, used)
                if fault is None:
                    usage.add(counted, used)
                else:
                    usage.leave_out(counted, used, str(fault))
        return usage

    async def used_before(
        self, directory: Directory, end: Instant, places: Collection[str]
    ) -> tuple[set[str], dict[str, dict[str, str]]]:
        """Return those of these deployments that were used before an instant, and those not known.

        The second are by deployment and ledger, with the fault of the ledger.
        """
        used, unknown = set[str](), dict[str, dict[str, str]]()
        async for found in self._heads(directory, BEGINNING, end):
            new, fault = found.used(places) - used, found.fault
            period = directory.period_of(found.ledger)
            if new and fault is None and period.end > end:
                # The head does not show on which side of the instant the usage is.
                counted, fault = await self._counted(found, period._replace(end=end), new)
                if fault is None:
                    new = {place for (place, _), tokens in counted.tokens.items() if tokens}
            if fault is None:
                used |= new
            else:
                for place in new:
                    unknown.setdefault(place, {})[str(found.ledger)] = str(fault)
        return used, {place: faults for place, faults in unknown.items() if place not in used}

    async def read(self, usage: LedgerUsage, through: Position) -> None:
        """Add the pages of a ledger through a position. Raises what `reading.pages` raises."""
        async for page in pages(self.store, usage.ledger, since=usage.through, through=through):
            usage.add(page)

    async def _counted(
        self, found: "_Found", span: Period, places: Collection[str]
    ) -> tuple[LedgerUsage, MeteringError | None]:
        """Return the usage of a ledger as far as it can be read, and why no further."""
        key = found.ledger, span.start, tuple(sorted(places))
        kept = None if self.kept is None else self.kept.pop(key, None)
        usage = LedgerUsage(found.ledger, span, places) if kept is None else kept
        fault = await self._read_on(usage, found)
        if fault is not None and kept is not None:
            # It may have been repaired since: what was counted may be of pages that have gone.
            again = LedgerUsage(found.ledger, span, places)
            fault = await self._read_on(again, found)
            usage = again if fault is None else usage
        self._keep(key, usage)
        return usage, fault

    def _keep(self, key: _Key, usage: LedgerUsage) -> None:
        if self.kept is not None:
            self.kept[key] = usage
            while sum(len(one.tokens) for one in self.kept.values()) > _MAX_SUMS:
                del self.kept[next(iter(self.kept))]

    async def _read_on(self, usage: LedgerUsage, found: "_Found") -> MeteringError | None:
        """Add the pages that follow, up to a fault, and return it."""
        try:
            if found.head is not None:
                await self.read(usage, found.head.position)
            else:
                await self._read_without_head(usage)
            usage.check()
        except FAULTS as fault:
            return fault
        return found.fault

    async def _read_without_head(self, usage: LedgerUsage) -> None:
        chain = Chain(usage.ledger, usage.through)
        async with aclosing(self.store.pages(usage.ledger, after=usage.through.page)) as stored:
            async for page in stored:
                chain.follow(page)
                usage.add(page)

    async def _heads(
        self, directory: Directory, start: Instant, end: Instant
    ) -> AsyncIterator["_Found"]:
        """Yield the ledgers whose period overlaps `[start, end)`."""
        ledgers = [
            ledger
            for ledger in await self.store.ledgers()
            if ledger.start < end and directory.period_of(ledger).end > start
        ]
        for some in batched(ledgers, _AT_ONCE, strict=False):
            for found in await asyncio.gather(*map(self._found, some)):
                yield found

    async def _found(self, ledger: LedgerId) -> "_Found":
        try:
            return _Found(ledger, await listed_head(self.store, ledger))
        except FAULTS as fault:
            return _Found(ledger, None, fault)


class _Found(NamedTuple):
    """A ledger of the store, with its head or why it cannot be read."""

    ledger: LedgerId
    head: Head | None
    fault: MeteringError | None = None

    def used(self, places: Collection[str]) -> set[str]:
        """Return those of these deployments that the ledger used, or may have used."""
        return set(places) if self.head is None else capacities_in(self.head).intersection(places)
