"""Read balances and breakdowns from the ledgers."""

from dataclasses import dataclass
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

#: Attempts to read a rollup while it is being written; after that all pages are read.
_LOOKS: Final = 2


class LedgerRead(NamedTuple):
    """A ledger behind an answer, and the position of the answer."""

    ledger: LedgerId
    page: int
    """The last page that is included."""
    rolled_up: int
    """The last page that was read from the rollup."""
    committed: Instant | None
    """The commit time of the last page."""
    rolled_up_to: Instant | None = None
    """The commit time of the last page read from the rollup."""


class _RolledUp(NamedTuple):
    """The usage in a rollup, and its position."""

    breakdown: Breakdown
    through: Position = START
    committed: Instant | None = None


@dataclass(slots=True)
class Read:
    """The use cases behind `metering balance` and `metering usage`."""

    store: LedgerStore
    rollups: RollupStore
    tenancy: Tenancy
    clock: Clock

    async def tenants(self) -> list[str]:
        """Return every tenant's id."""
        await self.tenancy.refresh_if_due()
        return self.tenancy.directory.tenants()

    async def knows(self, tenant: str) -> bool:
        """Say whether a tenant exists."""
        known = tenant in await self.tenants() or self.tenancy.directory.grants(tenant)
        return bool(known or await self.store.ledgers(tenant))

    async def latest_period(self, tenant: str) -> Period:
        """Return the last period in which a tenant used anything; the current one without usage."""
        ledgers = await self.store.ledgers(tenant)
        at = ledgers[-1].start if ledgers else self.clock.now()
        await self.tenancy.refresh_if_due()
        return self.tenancy.directory.period_at(tenant, at)

    async def present_period(self, tenant: str) -> Period:
        """Return a tenant's current period."""
        await self.tenancy.refresh_if_due()
        return self.tenancy.directory.period_at(tenant, self.clock.now())

    async def balance(self, tenant: str, period: Period) -> Balance:
        """Return a tenant's balance as committed up to now; all zero without usage."""
        await self.tenancy.refresh_if_due()
        ledger = LedgerId(tenant, period.start)
        head = await head_of(self.store, ledger) or Head(ledger)
        return balance_of(head, self.tenancy.directory.plan_for(ledger))

    async def usage(self, tenant: str, period: Period, group_by: tuple[str, ...]) -> list[Row]:
        """Return a tenant's usage in a period by group (names of breakdown.GROUPS).

        It includes every committed page: those beyond the rollup are read one by one.
        """
        breakdown, _ = await self.breakdown_of(LedgerId(tenant, period.start), group_by)
        return breakdown.rows()

    async def usage_of_days(
        self, tenant: str, days: Days, group_by: tuple[str, ...]
    ) -> tuple[list[Row], list[LedgerRead]]:
        """Return a tenant's usage on some days by group, over all periods, and the ledgers read.

        It includes every committed page.
        """
        total, read = await self.breakdown_of_days(tenant, days, group_by)
        return total.rows(), read

    async def breakdown_of_days(
        self, tenant: str, days: Days, group_by: tuple[str, ...]
    ) -> tuple[Breakdown, list[LedgerRead]]:
        """Return the same as `usage_of_days`, with outcomes beside usage."""
        await self.tenancy.refresh_if_due()
        total, read = Breakdown(group_by), list[LedgerRead]()
        for ledger in await self.store.ledgers(tenant):
            if days.overlap(self.tenancy.directory.period_of(ledger)):
                breakdown, of = await self.breakdown_of(ledger, group_by, days)
                total.add_breakdown(breakdown)
                read.append(of)
        return total, read

    async def breakdown_of(
        self, ledger: LedgerId, group_by: tuple[str, ...], days: Days = ALL_DAYS
    ) -> tuple[Breakdown, LedgerRead]:
        """Return usage and outcomes of a ledger on some days by group, and the position read."""
        breakdown, since, rolled_up_to = await self._rolled_up(ledger, group_by, days)
        last, committed = since.page, rolled_up_to
        async for page in pages(self.store, ledger, since=since):
            if day_of(page.slot) in days:
                breakdown.add(page)
            last, committed = page.number, page.committed
        return breakdown, LedgerRead(ledger, last, since.page, committed, rolled_up_to)

    async def _rolled_up(
        self, ledger: LedgerId, group_by: tuple[str, ...], days: Days
    ) -> _RolledUp:
        """Return the usage in the rollup and its position; empty if it cannot be used."""
        for _ in range(_LOOKS):
            breakdown = Breakdown(group_by)
            try:
                stored = await self.rollups.read_cursor(ledger)
                if stored is None:
                    break
                cursor = stored.cursor
                committed = await must_belong(self.store, cursor)
                names = [name for name in cursor.parts if name.day in days]
                async for part in read_listed(self.rollups, cursor, names):
                    breakdown.add_counts(part.counts)
            except RollupBroken:
                continue
            return _RolledUp(breakdown, cursor.position, committed)
        return _RolledUp(Breakdown(group_by))
