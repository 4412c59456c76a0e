"""What outcomes cost a tenant: by use case, beside the targets of its plan."""

from typing import NamedTuple

from metering.app.reports.read import LedgerRead, Read
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, parse_instant
from metering.core.calendars.periods import Days, LedgerId, Period, day_at
from metering.core.reports.breakdown import Breakdown
from metering.core.reports.unit_economics import GROUPED_BY, UseCase, use_cases
from metering.ports import Clock


class UnitCosts(NamedTuple):
    """The use cases of a tenant, and as of what."""

    currency: str
    use_cases: tuple[UseCase, ...]
    read: tuple[LedgerRead, ...]


class UnitEconomics:
    """The use case behind `metering unit-cost`."""

    def __init__(self, read: Read, tenancy: Tenancy, clock: Clock) -> None:
        self._read = read
        self._tenancy = tenancy
        self._clock = clock

    async def of(self, tenant: str, days: Days) -> UnitCosts:
        """Return what outcomes of some days cost, under the targets at their end, or now.

        ConfigurationError where the tenant's currency changes among them: nothing is converted.
        """
        found, read = await self._read.breakdown_of_days(tenant, days, GROUPED_BY)
        now = self._clock.now()
        is_over = days.end <= day_at(now)
        end = parse_instant(f"{days.end}T00:00:00Z") if is_over else now + 1
        return self._costs(tenant, end - 1, found, read)

    async def of_period(self, tenant: str, period: Period) -> UnitCosts:
        """Return what outcomes of a period cost, under the targets at its end, or now."""
        await self._tenancy.refresh()
        ledger = LedgerId(tenant, period.start)
        found, read = await self._read.breakdown_of(ledger, GROUPED_BY)
        at = max(period.start, min(period.end - 1, self._clock.now()))
        return self._costs(tenant, at, found, [read])

    def _costs(
        self, tenant: str, at: Instant, found: Breakdown, read: list[LedgerRead]
    ) -> UnitCosts:
        """Return the costs beside the targets of the plan at an instant."""
        directory = self._tenancy.directory
        plan, _, _ = directory.plan_of(tenant, at)
        for of in read:
            currency = directory.plan_for(of.ledger).currency
            if currency != plan.currency:
                both = f"{currency} and {plan.currency}"
                raise ConfigurationError(f"tenant {tenant!r}: these days are in {both}: take fewer")
        rows = use_cases(found.rows(), found.outcomes(), plan.targets)
        return UnitCosts(plan.currency, tuple(rows), tuple(read))
