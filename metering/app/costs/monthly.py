"""The allocations of a month for costs: those of the close, and provisional ones before it."""

from dataclasses import dataclass, field
from typing import Final

from metering.app.allocation.allocate import Allocate
from metering.app.costs.costs import MEMORY, MonthlyAllocation
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Period
from metering.ports import Clock

#: Months kept: those of a year, which one question may be about.
_MAX_KEPT: Final = 13


@dataclass(slots=True)
class MonthlyAllocations:
    """Returns the allocations of a month, kept for a minute.

    Before the close they are worked out from the pages of the ledgers that used a deployment, by
    the rule of the close. A ledger that cannot be read is in them as far as it can be.
    """

    allocate: Allocate
    clock: Clock
    _kept: dict[Instant, tuple[Instant, list[MonthlyAllocation]]] = field(
        init=False, default_factory=dict
    )

    async def __call__(self, month: Period) -> list[MonthlyAllocation]:
        """Return the allocations of a UTC month, by deployment."""
        now = self.clock.now()
        at, kept = self._kept.get(month.start, (0, []))
        if not at <= now < at + MEMORY:
            kept = await self._found(month, now)
            self._kept[month.start] = (now, kept)
            if len(self._kept) > _MAX_KEPT:
                del self._kept[next(iter(self._kept))]
        return kept

    async def _found(self, month: Period, now: Instant) -> list[MonthlyAllocation]:
        final = await self.allocate.allocations(month)
        names = {one.deployment for one in final.allocations}
        every = await self.allocate.preview(month, now)
        faults = {one.deployment: one.faults for one in every.postponed}
        return [
            MonthlyAllocation(one, one.deployment in names, faults.get(one.deployment, {}))
            for one in every.allocations
        ]
