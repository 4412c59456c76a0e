"""Allocate the monthly cost of deployments that are paid by the hour to tenants, once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from metering.app.allocation.capacity_reading import CapacityReading, Kept
from metering.app.allocation.stored_allocations import (
    Look,
    StoredAllocations,
    postponed_by,
)
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.accrual import Accrual, Cuts, accrual_of, finished, incomplete
from metering.core.allocation.allocation import Allocation, allocate, differences
from metering.core.allocation.capacity_usage import CapacityUsage, LedgerUsage, LeftOut
from metering.core.allocation.postponed import Postponed
from metering.core.basics.errors import (
    ConfigurationError,
    InvariantBroken,
    LedgerBroken,
    LedgerLagError,
)
from metering.core.basics.instants import Instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import Period
from metering.core.deployments.capacity import Capacity
from metering.core.ledger.chain import Position
from metering.ports import AllocationStore, LedgerStore


class Allocated(NamedTuple):
    """The allocations of a month, and those that cannot be written yet."""

    allocations: list[Allocation]
    postponed: list[Postponed]


class Accruing(NamedTuple):
    """The accruals of a month; of those that are postponed too, where usage is known."""

    accruals: list[Accrual]
    postponed: list[Postponed]


@dataclass(slots=True)
class Allocate:
    """The use case behind the PTU shares of closing and `metering deployments shares`.

    A `month` is a calendar month in UTC. The caller ensures that it is over and that late usage has
    had time to arrive: usage that comes after an allocation was written does not change it.
    """

    ledgers: LedgerStore
    store: AllocationStore
    tenancy: Tenancy
    _stored: StoredAllocations = field(init=False)
    _usage: Kept = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Keep allocations that were read."""
        self._stored = StoredAllocations(self.store)

    @property
    def _reading(self) -> CapacityReading:
        return CapacityReading(self.ledgers)

    async def due(self, month: Period) -> list[str]:
        """Return the keys of the deployments that cost in a month and are not allocated yet."""
        return [capacity.key for capacity in (await self._look(month)).due]

    async def run(self, month: Period) -> Allocated:
        """Write the allocations that are due, and return all of the month by deployment.

        Safe to repeat, to run twice at once and after a crash: the first writer decides, and the
        others return its allocation. Where usage cannot be read nothing is written.
        """
        look = await self._look(month)
        worked_out, postponed = await self._worked_out(look.due, month, month.end)
        unsure = {one.deployment for one in postponed}
        found = [*look.written]
        for allocation in worked_out:
            if allocation.deployment in unsure:
                continue
            try:
                found.append(await self._stored.write(allocation))
            except (InvariantBroken, ConfigurationError) as fault:
                postponed.append(postponed_by(allocation.deployment, month, fault))
        return _allocated(found, [*look.postponed, *postponed])

    async def accruals(self, month: Period, now: Instant) -> Accruing:
        """Return what each deployment has cost until now, without writing it.

        Allocations that exist already are final. A ledger that cannot be read is in it as last
        counted.
        """
        cuts, found = self.cuts(month), list[Accrual]()
        look = await self._look(month)
        postponed = list(look.postponed)
        for one in look.written:
            before = await self._stored.accrual(one.deployment, month)
            found.append(finished(one, now, before, cuts))
        usage = await self._usage_of(look.due, month, self._usage)
        for capacity in look.due:
            so_far = self._divided(capacity, month, min(now, month.end), usage)
            if so_far is None:
                continue
            tokens = usage.tokens(capacity.place)
            accrual: Accrual | None = accrual_of(so_far, now, tokens, cuts)
            left_out = usage.left_out(capacity.place)
            if left_out and accrual is not None:
                before = await self._stored.accrual(capacity.key, month)
                accrual = incomplete(accrual, before, left_out)
                postponed.append(_left_out(capacity, month, left_out))
            if accrual is not None:
                found.append(accrual)
        found.sort(key=lambda one: one.allocation.deployment.casefold())
        return Accruing(found, postponed)

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
        return await self._stored.of(capacity, month)

    async def allocations(self, month: Period) -> Allocated:
        """Return the allocations that are written of a month, by deployment."""
        await self.tenancy.refresh()
        look = await self._stored.look(self.tenancy.directory.capacities(), month)
        return _allocated(look.written, look.postponed)

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

    async def _look(self, month: Period) -> Look:
        """Return what is written of a month, and what is due."""
        await self.tenancy.refresh()
        directory, look = (
            self.tenancy.directory,
            await self._stored.look(self.tenancy.directory.capacities(), month),
        )
        unsure = {one.place for one in look.due if one.costs_if_used(month)}
        if not unsure:
            return look
        used, unknown = await self._reading.used_before(directory, month.end, unsure)
        postponed = [
            Postponed(one.key, month, unknown[one.place])
            for one in look.due
            if one.place in unknown
        ]
        due = [one for one in look.due if one.place not in unsure or one.place in used]
        return look._replace(due=due, postponed=[*look.postponed, *postponed])

    async def _usage_of(
        self, capacities: Sequence[Capacity], month: Period, kept: Kept | None = None
    ) -> CapacityUsage:
        if not capacities:
            return CapacityUsage()
        places = {capacity.place for capacity in capacities}
        reading = CapacityReading(self.ledgers, kept)
        return await reading.usage(self.tenancy.directory, month, places)

    async def _worked_out(
        self, capacities: Sequence[Capacity], month: Period, until: Instant
    ) -> tuple[list[Allocation], list[Postponed]]:
        """Return the allocations until an instant, and those of them that are not complete."""
        usage = await self._usage_of(capacities, month)
        found = (self._divided(capacity, month, until, usage) for capacity in capacities)
        postponed = [
            _left_out(capacity, month, left_out)
            for capacity in capacities
            if (left_out := usage.left_out(capacity.place))
        ]
        return [allocation for allocation in found if allocation is not None], postponed

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


def _allocated(found: Sequence[Allocation], postponed: Sequence[Postponed]) -> Allocated:
    return Allocated(
        sorted(found, key=lambda one: one.deployment.casefold()),
        sorted(postponed, key=lambda one: one.deployment.casefold()),
    )


def _left_out(capacity: Capacity, month: Period, left_out: Sequence[LeftOut]) -> Postponed:
    faults = {str(one.usage.ledger): one.reason for one in left_out}
    return Postponed(capacity.key, month, faults)
