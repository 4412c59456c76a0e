"""Read what is in the ledgers: balances and breakdowns."""

from typing import Final, NamedTuple

from metering.app.ledger.reading import head_of, pages
from metering.app.reports.rollup_reading import must_belong, read_listed
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import RollupBroken
from metering.core.basics.instants import Instant
from metering.core.billing.balance import Balance, balance_of
from metering.core.calendars.periods import ALL_DAYS, Days, LedgerId, Period
from metering.core.ledger.chain import START, Position
from metering.core.ledger.head import Head
from metering.core.reports.breakdown import Breakdown, Row, day_of
from metering.ports import Clock, LedgerStore, RollupStore

#: Looks at a rollup that somebody writes to meanwhile; then all pages are read.
_LOOKS: Final = 2


class LedgerRead(NamedTuple):
    """A ledger that an answer was taken from, and as of what."""

    ledger: LedgerId
    page: int
    """The last page that is in it."""
    rolled_up: int
    """Up to which page it was taken from the rollup, and not page by page."""
    committed: Instant | None
    """When the last page was written."""
    rolled_up_to: Instant | None = None
    """When the last page that was taken from the rollup was written."""


class _RolledUp(NamedTuple):
    """The usage in a rollup, and the position that it goes up to."""

    breakdown: Breakdown
    through: Position = START
    committed: Instant | None = None


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
        head = await head_of(self._store, ledger) or Head(ledger)
        return balance_of(head, self._tenancy.directory.plan_for(ledger))

    async def usage(self, tenant: str, period: Period, group_by: tuple[str, ...]) -> list[Row]:
        """Return a tenant's usage in a period by group (names of breakdown.GROUPS).

        It is what its pages give, up to the last: what is not rolled up yet is read from them.
        """
        breakdown, _ = await self.breakdown_of(LedgerId(tenant, period.start), group_by)
        return breakdown.rows()

    async def usage_of_days(
        self, tenant: str, days: Days, group_by: tuple[str, ...]
    ) -> tuple[list[Row], list[LedgerRead]]:
        """Return a tenant's usage on some days by group, over all its periods, and what was read.

        It is what their pages give, up to the last.
        """
        total, read = await self.breakdown_of_days(tenant, days, group_by)
        return total.rows(), read

    async def breakdown_of_days(
        self, tenant: str, days: Days, group_by: tuple[str, ...]
    ) -> tuple[Breakdown, list[LedgerRead]]:
        """Return what `usage_of_days` does, with outcomes beside usage."""
        await self._tenancy.refresh()
        total, read = Breakdown(group_by), list[LedgerRead]()
        for ledger in await self._store.ledgers(tenant):
            if days.overlap(self._tenancy.directory.period_of(ledger)):
                breakdown, of = await self.breakdown_of(ledger, group_by, days)
                total.add_breakdown(breakdown)
                read.append(of)
        return total, read

    async def breakdown_of(
        self, ledger: LedgerId, group_by: tuple[str, ...], days: Days = ALL_DAYS
    ) -> tuple[Breakdown, LedgerRead]:
        """Return usage and outcomes of a ledger on some days by group, and as of what."""
        breakdown, since, rolled_up_to = await self._rolled_up(ledger, group_by, days)
        last, committed = since.page, rolled_up_to
        async for page in pages(self._store, ledger, since=since):
            if day_of(page.slot) in days:
                breakdown.add(page)
            last, committed = page.number, page.committed
        return breakdown, LedgerRead(ledger, last, since.page, committed, rolled_up_to)

    async def _rolled_up(
        self, ledger: LedgerId, group_by: tuple[str, ...], days: Days
    ) -> _RolledUp:
        """Return what the rollup holds and the page it goes up to; nothing if it does not fit."""
        for _ in range(_LOOKS):
            breakdown = Breakdown(group_by)
            try:
                stored = await self._rollups.read_cursor(ledger)
                if stored is None:
                    break
                cursor = stored.cursor
                committed = await must_belong(self._store, cursor)
                names = [name for name in cursor.parts if name.day in days]
                async for part in read_listed(self._rollups, cursor, names):
                    breakdown.add_counts(part.counts)
            except RollupBroken:
                continue
            return _RolledUp(breakdown, cursor.position, committed)
        return _RolledUp(Breakdown(group_by))
