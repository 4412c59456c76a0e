"""Read what is in the ledgers: balances and breakdowns."""

from metering.app.tenancy import Tenancy
from metering.core.balance import Balance, balance_of
from metering.core.breakdown import Breakdown, Row
from metering.core.head import Head
from metering.core.periods import LedgerId, Period, month_of
from metering.ports import Clock, LedgerStore


class Read:
    """The use cases behind `metering balance` and `metering usage`."""

    def __init__(self, store: LedgerStore, tenancy: Tenancy, clock: Clock) -> None:
        self._store = store
        self._tenancy = tenancy
        self._clock = clock

    async def tenants(self) -> list[str]:
        """Return every tenant's id."""
        await self._tenancy.refresh()
        return self._tenancy.directory.tenants()

    async def knows(self, tenant: str) -> bool:
        """Say whether there is such a tenant."""
        return tenant in await self.tenants() or bool(await self._store.ledgers(tenant))

    async def latest_period(self, tenant: str) -> Period:
        """Return the last period that a tenant used anything in; the present one if none."""
        ledgers = await self._store.ledgers(tenant)
        return month_of(ledgers[-1].start if ledgers else self._clock.now())

    async def balance(self, tenant: str, period: Period) -> Balance:
        """Return a tenant's balance as committed up to now; without usage it is all zero."""
        await self._tenancy.refresh()
        ledger = LedgerId(tenant, period.start)
        stored = await self._store.read_head(ledger)
        plan = self._tenancy.directory.plan_for(ledger)
        return balance_of(stored.head if stored else Head(ledger), plan)

    async def usage(self, tenant: str, period: Period, group_by: tuple[str, ...]) -> list[Row]:
        """Return a tenant's usage in a period by group (names of breakdown.GROUPS)."""
        breakdown = Breakdown(group_by)
        async for page in self._store.pages(LedgerId(tenant, period.start)):
            breakdown.add(page)
        return breakdown.rows()
