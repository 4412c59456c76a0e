"""The periods of a tenant, and each compared with the one before it."""

from dataclasses import dataclass

from metering.app.reports.breakdowns import Spend, unlimited
from metering.app.reports.read import Read
from metering.app.tenancy.tenancy import Tenancy
from metering.core.calendars.periods import Days, LedgerId, Period
from metering.core.reports.comparison import Comparison, Part, ended_days, same_days
from metering.ports import Clock


@dataclass(slots=True)
class Compare:
    """The use case behind the pickers of periods on the dashboard."""

    read: Read
    tenancy: Tenancy
    clock: Clock

    async def periods(self, tenant: str) -> list[Period]:
        """Return the periods in which a tenant used anything and the current one, newest first."""
        present = await self.read.present_period(tenant)
        ledgers = await self.read.store.ledgers(tenant)
        used = {self.tenancy.directory.period_of(one) for one in ledgers}
        return sorted({present, *used}, reverse=True)

    async def with_before(
        self, tenant: str, period: Period, spend: Spend = unlimited
    ) -> Comparison:
        """Compare a period with the same part of the one before.

        A period without usage stands as one of zero, unless the tenant had none in any before it.
        """
        await self.tenancy.refresh_if_due()
        now = self.clock.now()
        ledgers = await self.read.store.ledgers(tenant)
        is_running = period.start <= now < period.end
        if not any(one.start < period.start for one in ledgers):
            return Comparison(period, is_running, None)
        before = self.tenancy.directory.period_at(tenant, period.start - 1)
        days = ended_days(period, now)
        if days is None:
            return Comparison(period, is_running, before)
        part = await self._part(tenant, period, days, spend)
        then = await self._part(tenant, before, same_days(days, period, before), spend)
        return Comparison(period, is_running, before, part, then)

    async def _part(self, tenant: str, period: Period, days: Days, spend: Spend) -> Part:
        ledger = LedgerId(tenant, period.start)
        usage = await self.read.sum_of_days(ledger, days, spend)
        currency = self.tenancy.directory.plan_for(ledger).currency
        return Part(period, days, currency, usage)
