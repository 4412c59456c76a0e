"""Allocate the monthly cost of deployments that are paid by the hour to tenants, once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from metering.app.allocation.capacity_reading import CapacityReading, Kept
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.accrual import Accrual, Cuts, accrual_of, finished
from metering.core.allocation.allocation import Allocation, allocate, differences
from metering.core.allocation.capacity_usage import CapacityUsage, LedgerUsage
from metering.core.basics.errors import LedgerBroken, LedgerLagError
from metering.core.basics.instants import Instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import Period
from metering.core.deployments.capacity import Capacity
from metering.core.ledger.chain import Position
from metering.ports import AllocationStore, LedgerStore

#: Allocations that a process caches. They never change; closing needs those of one month.
_MAX_KEPT: Final = 32


@dataclass(slots=True)
class Allocate:
    """The use case behind the PTU shares of closing and `metering deployments shares`.

    A `month` is a calendar month in UTC. The caller ensures that it is over and that late usage has
    had time to arrive: usage that comes after an allocation was written does not change it.
    """

    ledgers: LedgerStore
    store: AllocationStore
    tenancy: Tenancy
    _kept: dict[tuple[str, Instant], Allocation] = field(init=False, default_factory=dict)
    _usage: Kept = field(init=False, default_factory=dict)

    @property
    def _reading(self) -> CapacityReading:
        return CapacityReading(self.ledgers)

    async def due(self, month: Period) -> list[str]:
        """Return the keys of the deployments that cost in a month and are not allocated yet."""
        await self.tenancy.refresh()
        return [capacity.key for capacity in await self._due(month)]

    async def run(self, month: Period) -> list[Allocation]:
        """Write the allocations that are due, and return all of the month by deployment.

        Safe to repeat, to run twice at once and after a crash: the first writer decides, and the
        others return its allocation. Raises LedgerBroken, before anything is written, if a ledger
        cannot be trusted.
        """
        await self.tenancy.refresh()
        due = await self._due(month)
        for allocation in await self._worked_out(due, month, month.end):
            await self.store.put_allocation(allocation)
        return await self._present(month)

    async def accruals(self, month: Period, now: Instant) -> list[Accrual]:
        """Return what each deployment has cost until now, without writing it.

        Allocations that exist already are final. Raises LedgerBroken if a ledger cannot be
        trusted.
        """
        await self.tenancy.refresh()
        cuts, found = self.cuts(month), list[Accrual]()
        for one in await self._present(month):
            before = await self.store.read_accrual(one.deployment, month.start)
            found.append(finished(one, now, before, cuts))
        due = await self._due(month)
        if due:
            places = {capacity.place for capacity in due}
            reading = CapacityReading(self.ledgers, self._usage)
            usage = await reading.usage(self.tenancy.directory, month, places)
            for capacity in due:
                so_far = self._divided(capacity, month, min(now, month.end), usage)
                if so_far is not None:
                    tokens = usage.tokens(capacity.place)
                    found.append(accrual_of(so_far, now, tokens, cuts))
        return sorted(found, key=lambda one: one.allocation.deployment.casefold())

    def cuts(self, month: Period) -> Cuts:
        """Return what tells the starts of a tenant's periods and months within a UTC month."""
        period_at = self.tenancy.directory.period_at

        @cache
        def starts(tenant: str) -> list[Instant]:
            found: set[Instant] = set()
            end = period_at(tenant, month.start).end
            while end < month.end:
                found.add(end)
                end = period_at(tenant, end).end
            # Quarters and years of a weekly calendar begin with a month, whatever the weekday.
            zone = self.tenancy.directory.calendar_of(tenant, month.start)[0].time_zone
            start = Calendar(time_zone=zone).period_at(month.end - 1).start
            return sorted(found | {start} - {month.start} if start > month.start else found)

        return starts

    async def allocation(self, capacity: Capacity, month: Period) -> Allocation | None:
        """Return the allocation of one deployment and month, if the close has written it."""
        return await self._kept_or_read(capacity, month)

    async def allocations(self, month: Period) -> list[Allocation]:
        """Return the allocations of a month, by deployment."""
        await self.tenancy.refresh()
        return await self._present(month)

    async def proof(self, allocation: Allocation) -> list[str]:
        """Derive an allocation again from the registry and its pages; return the differences."""
        await self.tenancy.refresh()
        place = allocation.deployment.casefold()
        usage, faults = CapacityUsage(), []
        for ledger, page, digest in allocation.counted:
            counting = LedgerUsage(ledger, allocation.month, {place})
            try:
                await self._reading.read(counting, Position(page, digest))
                usage.add(counting, {place})
            except (LedgerBroken, LedgerLagError) as fault:
                faults.append(str(fault))
        capacity = self._capacity(place)
        if faults or capacity is None:
            return faults or ["its deployment has no record"]
        derived = self._divided(capacity, allocation.month, allocation.month.end, usage)
        return differences(allocation, derived) if derived else ["its deployment costs nothing"]

    def _capacity(self, place: str) -> Capacity | None:
        found = (one for one in self.tenancy.directory.capacities() if one.place == place)
        return next(found, None)

    async def _due(self, month: Period) -> list[Capacity]:
        directory = self.tenancy.directory
        missing = [
            capacity
            for capacity in directory.capacities()
            if capacity.spans(month.start, month.end)
            and await self._kept_or_read(capacity, month) is None
        ]
        unsure = {one.place for one in missing if one.costs_if_used(month)}
        if unsure:
            unsure -= await self._reading.used_before(directory, month.end, unsure)
        return [capacity for capacity in missing if capacity.place not in unsure]

    async def _worked_out(
        self, capacities: Sequence[Capacity], month: Period, until: Instant
    ) -> list[Allocation]:
        if not capacities:
            return []
        places = {capacity.place for capacity in capacities}
        usage = await self._reading.usage(self.tenancy.directory, month, places)
        found = (self._divided(capacity, month, until, usage) for capacity in capacities)
        return [allocation for allocation in found if allocation is not None]

    def _divided(
        self, capacity: Capacity, month: Period, until: Instant, usage: CapacityUsage
    ) -> Allocation | None:
        """Return the allocation of the hours begun before `until`; None if none of them costs."""
        spans = capacity.spans(month.start, until)
        if not spans:
            return None
        currency, plan_of = spans[0].currency, self.tenancy.directory.plan_of
        return allocate(
            capacity.key,
            month,
            spans,
            usage.tokens(capacity.place),
            counted=usage.counted(capacity.place),
            is_billable=lambda tenant: plan_of(tenant, month.start)[0].currency == currency,
        )

    async def _present(self, month: Period) -> list[Allocation]:
        found = [
            await self._kept_or_read(capacity, month)
            for capacity in self.tenancy.directory.capacities()
        ]
        return [allocation for allocation in found if allocation is not None]

    async def _kept_or_read(self, capacity: Capacity, month: Period) -> Allocation | None:
        key = (capacity.place, month.start)
        allocation = self._kept.get(key) or await self.store.read_allocation(*key)
        if allocation is not None:
            self._kept[key] = allocation
            if len(self._kept) > _MAX_KEPT:
                del self._kept[next(iter(self._kept))]
        return allocation
