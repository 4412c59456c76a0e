"""The cost of a tenant's outcomes by use case, beside the targets of its plan."""

from dataclasses import dataclass
from typing import NamedTuple

from metering.app.reports.breakdowns import LedgerRead, Spend, unlimited
from metering.app.reports.read import Read
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, parse_instant
from metering.core.calendars.periods import ALL_DAYS, Days, LedgerId, Period, day_at
from metering.core.reports.breakdown import Outcomes, Row
from metering.core.reports.unit_economics import GROUPED_BY, UseCase, use_cases
from metering.ports import Clock


class UnitCosts(NamedTuple):
    """The use cases of a tenant, and the ledgers read."""

    currency: str
    use_cases: tuple[UseCase, ...]
    read: tuple[LedgerRead, ...]


@dataclass(slots=True)
class UnitEconomics:
    """The use case behind `metering unit-cost`."""

    read: Read
    tenancy: Tenancy
    clock: Clock

    async def of(self, tenant: str, days: Days, spend: Spend = unlimited) -> UnitCosts:
        """Return the cost of outcomes on some days, with the targets at their end, or now.

        Raises ConfigurationError if the tenant's currency changes among them: amounts are never
        converted.
        """
        ledgers = await self.read.ledgers_of_days(tenant, days)
        found, read = await self.read.costs_and_outcomes(ledgers, days, GROUPED_BY, spend)
        now = self.clock.now()
        is_over = days.end <= day_at(now)
        end = parse_instant(f"{days.end}T00:00:00Z") if is_over else now + 1
        return await self._costs(tenant, end - 1, found, read)

    async def of_period(self, tenant: str, period: Period, spend: Spend = unlimited) -> UnitCosts:
        """Return the cost of outcomes in a period, with the targets at its end, or now."""
        await self.tenancy.refresh_if_due()
        ledger = LedgerId(tenant, period.start)
        found, read = await self.read.costs_and_outcomes([ledger], ALL_DAYS, GROUPED_BY, spend)
        at = max(period.start, min(period.end - 1, self.clock.now()))
        return await self._costs(tenant, at, found, read)

    async def _costs(
        self,
        tenant: str,
        at: Instant,
        found: tuple[list[Row], list[Outcomes]],
        read: list[LedgerRead],
    ) -> UnitCosts:
        """Return the costs beside the targets of the plan at an instant."""
        directory = self.tenancy.directory
        plan, _, _ = directory.plan_of(tenant, at)
        for of in read:
            currency = directory.plan_for(of.ledger).currency
            if currency != plan.currency:
                both = f"{currency} and {plan.currency}"
                raise ConfigurationError(f"tenant {tenant!r}: days in {both}: choose fewer days")
        # Names of use cases are the callers': there may be tens of thousands.
        rows = await self.read.executor.run(lambda: use_cases(*found, plan.targets))
        return UnitCosts(plan.currency, tuple(rows), tuple(read))
