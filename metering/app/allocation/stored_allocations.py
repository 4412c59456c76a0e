"""Allocations as they are stored; one that cannot be read or written postpones itself alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.allocation.accrual import Accrual
from metering.core.allocation.allocation import Allocation
from metering.core.allocation.postponed import Postponed
from metering.core.basics.errors import InvariantBroken, MeteringError, RetryableError
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Period
from metering.core.deployments.capacity import Capacity
from metering.ports import AllocationStore

#: Allocations that a process caches. They never change; closing needs those of one month.
_MAX_KEPT: Final = 32


class Look(NamedTuple):
    """A month as it is stored."""

    written: list[Allocation]
    due: list[Capacity]
    """The deployments that cost in it and have no allocation."""
    postponed: list[Postponed]


@dataclass(slots=True)
class StoredAllocations:
    """Reads and writes allocations, and keeps those that were read last."""

    store: AllocationStore
    _kept: dict[tuple[str, Instant], Allocation] = field(init=False, default_factory=dict)

    async def look(self, capacities: Iterable[Capacity], month: Period) -> Look:
        """Return what is stored of a month."""
        look = Look([], [], [])
        for capacity in capacities:
            try:
                written = await self.of(capacity, month)
            except InvariantBroken as fault:
                look.postponed.append(postponed_by(capacity.key, month, fault))
                continue
            if written is not None:
                look.written.append(written)
            elif capacity.spans(month.start, month.end):
                look.due.append(capacity)
        return look

    async def of(self, capacity: Capacity, month: Period) -> Allocation | None:
        """Return the allocation of a deployment; None if there is none yet."""
        key = (capacity.place, month.start)
        allocation = self._kept.get(key) or await self.store.read_allocation(*key)
        if allocation is not None:
            self._keep(key, allocation)
        return allocation

    async def accrual(self, deployment: str, month: Period) -> Accrual | None:
        """Return the accrual that is stored; None if there is none that can be read."""
        try:
            return await self.store.read_accrual(deployment, month.start)
        except InvariantBroken:
            return None

    async def write(self, allocation: Allocation) -> Allocation:
        """Write an allocation; return it, or the one that another process wrote first."""
        key = allocation.deployment.casefold(), allocation.month.start
        if not await self.store.put_allocation(allocation):
            theirs = await self.store.read_allocation(*key)
            if theirs is None:
                name = f"allocation of {allocation.deployment} in {allocation.month.name}"
                raise RetryableError(f"{name}: exists but cannot be read yet")
            allocation = theirs
        self._keep(key, allocation)
        return allocation

    def _keep(self, key: tuple[str, Instant], allocation: Allocation) -> None:
        self._kept[key] = allocation
        if len(self._kept) > _MAX_KEPT:
            del self._kept[next(iter(self._kept))]


def postponed_by(deployment: str, month: Period, fault: MeteringError) -> Postponed:
    """Return what the fault of its own document postpones."""
    return Postponed(deployment, month, {f"allocation of {deployment}": str(fault)})
