"""The allocations of capacity that the periods of a run bill, and what they still lack."""

from dataclasses import dataclass, field

from metering.app.allocation.allocate import Allocate, Allocated
from metering.app.ledger.reading import head_of
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.allocation import Allocation
from metering.core.allocation.capacity_usage import capacities_in
from metering.core.allocation.postponed import Postponed, by_fault
from metering.core.billing.statement import LOOK_BACK
from metering.core.calendars.periods import Period, month_of
from metering.ports import Alerts, LedgerStore


@dataclass(slots=True)
class DueAllocations:
    """Allocates each month once in a run, for all tenants."""

    allocate: Allocate
    ledgers: LedgerStore
    tenancy: Tenancy
    alerts: Alerts
    _of: dict[Period, Allocated] = field(init=False, default_factory=dict)

    def clear(self) -> None:
        """Forget the months of the run before."""
        self._of.clear()

    async def of(self, period: Period) -> list[Allocation]:
        """Return the allocations of the months that end by the end of a period."""
        months = [await self._in(month) for month in self._months(period)]
        return [one for allocated in months for one in allocated.allocations]

    async def lacking(self, tenant: str, period: Period) -> str | None:
        """Return why a period has to wait: a deployment that the tenant used is not allocated.

        The reason names no other tenant; the alert to the operator names the ledger at fault.
        """
        months = [await self._in(month) for month in self._months(period)]
        postponed = [one for allocated in months for one in allocated.postponed]
        names = [str(one) for one in postponed if await self._has_used(tenant, one)]
        if not names:
            return None
        return f"the cost of {', '.join(names)} cannot be divided yet: usage of it cannot be read"

    async def _in(self, month: Period) -> Allocated:
        if month not in self._of:
            self._of[month] = found = await self.allocate.run(month)
            for fault, names in by_fault(found.postponed).items():
                self.alerts.alert(f"{fault}: the cost of {names} is not allocated", "closing")
        return self._of[month]

    async def _has_used(self, tenant: str, postponed: Postponed) -> bool:
        """Return whether a head of a tenant shows use of a deployment in a month."""
        month, place = postponed.month, postponed.deployment.casefold()
        for ledger in await self.ledgers.ledgers(tenant):
            span = self.tenancy.directory.period_of(ledger)
            if span.start < month.end and span.end > month.start:
                head = await head_of(self.ledgers, ledger)
                if head is not None and place in capacities_in(head):
                    return True
        return False

    def _months(self, period: Period) -> list[Period]:
        if not self.tenancy.directory.capacities():
            return []
        months = [month_of(month_of(period.end).start - 1)]
        while (before := month_of(months[-1].start - 1)).end > period.end - LOOK_BACK:
            months.append(before)
        return months
