"""Read what is in the ledgers: balances and breakdowns."""

from typing import Final

from metering.app.rollup_reading import must_belong, read_listed
from metering.app.tenancy import Tenancy
from metering.core.balance import Balance, balance_of
from metering.core.breakdown import Breakdown, Row
from metering.core.errors import RollupBroken
from metering.core.head import Head
from metering.core.periods import LedgerId, Period
from metering.ports import Clock, LedgerStore, RollupStore

#: Looks at a rollup that somebody writes to meanwhile; then all pages are read.
_LOOKS: Final = 2


class Read:
    """The use cases behind `metering balance` and `metering usage`."""

    def __init__(
        self, store: LedgerStore, rollups: RollupStore, tenancy: Tenancy, clock: Clock
    ) -> None:
        self._store = store
        self._rollups = rollups
        self._tenancy = tenancy
        self._clock = clock

    async def tenants(self) -> list[str]:
        """Return every tenant's id."""
        await self._tenancy.refresh()
        return self._tenancy.directory.tenants()

    async def knows(self, tenant: str) -> bool:
        """Say whether there is such a tenant."""
        known = tenant in await self.tenants() or self._tenancy.directory.grants(tenant)
        return bool(known or await self._store.ledgers(tenant))

    async def latest_period(self, tenant: str) -> Period:
        """Return the last period that a tenant used anything in; the present one if none."""
        ledgers = await self._store.ledgers(tenant)
        at = ledgers[-1].start if ledgers else self._clock.now()
        await self._tenancy.refresh()
        return self._tenancy.directory.period_at(tenant, at)

    async def present_period(self, tenant: str) -> Period:
        """Return the period of a tenant that now is in."""
        await self._tenancy.refresh()
        return self._tenancy.directory.period_at(tenant, self._clock.now())

    async def balance(self, tenant: str, period: Period) -> Balance:
        """Return a tenant's balance as committed up to now; without usage it is all zero."""
        await self._tenancy.refresh()
        ledger = LedgerId(tenant, period.start)
        stored = await self._store.read_head(ledger)
        plan = self._tenancy.directory.plan_for(ledger)
        return balance_of(stored.head if stored else Head(ledger), plan)

    async def usage(self, tenant: str, period: Period, group_by: tuple[str, ...]) -> list[Row]:
        """Return a tenant's usage in a period by group (names of breakdown.GROUPS).

        It is what its pages give, up to the last: what is not rolled up yet is read from them.
        """
        ledger = LedgerId(tenant, period.start)
        breakdown, after = await self._rolled_up(ledger, group_by)
        async for page in self._store.pages(ledger, after=after):
            breakdown.add(page)
        return breakdown.rows()

    async def _rolled_up(
        self, ledger: LedgerId, group_by: tuple[str, ...]
    ) -> tuple[Breakdown, int]:
        """Return what the rollup holds and the page it goes up to; nothing if it does not fit."""
        for _ in range(_LOOKS):
            breakdown = Breakdown(group_by)
            try:
                stored = await self._rollups.read_cursor(ledger)
                if stored is None:
                    break
                cursor = stored.cursor
                await must_belong(self._store, cursor)
                async for part in read_listed(self._rollups, cursor, cursor.parts.keys()):
                    breakdown.add_counts(part.counts)
            except RollupBroken:
                continue
            return breakdown, cursor.page
        return Breakdown(group_by), 0
