"""Read balances and breakdowns from the ledgers."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from metering.app.ledger.reading import head_of
from metering.app.reports.breakdowns import Breakdowns, LedgerRead, Spend, unlimited
from metering.app.tenancy.tenancy import Tenancy
from metering.core.billing.balance import Balance, balance_of
from metering.core.calendars.periods import ALL_DAYS, Days, LedgerId, Period, days_between
from metering.core.ledger.chain import START, Position
from metering.core.ledger.head import NOTHING, Head
from metering.core.reports.breakdown import (
    Breakdown,
    Outcomes,
    Row,
    outcomes_of,
    rows_after,
)
from metering.core.reports.count import Group
from metering.ports import Clock, Executor, LedgerStore


class Slice(NamedTuple):
    """Rows to return: at most `limit`, after a group."""

    after: Group | None = None
    limit: int | None = None


EVERYTHING: Final = Slice()


@dataclass(slots=True)
class Read:
    """The use cases behind `metering balance` and `metering usage`."""

    store: LedgerStore
    breakdowns: Breakdowns
    tenancy: Tenancy
    clock: Clock
    executor: Executor

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
        ledger = LedgerId(tenant, period.start)
        rows, _ = await self._grouped([ledger], ALL_DAYS, group_by, lambda of: list(rows_after(of)))
        return rows

    async def usage_of_days(
        self,
        tenant: str,
        days: Days,
        group_by: tuple[str, ...],
        some: Slice = EVERYTHING,
        spend: Spend = unlimited,
        period: Period | None = None,
    ) -> tuple[list[Row], list[LedgerRead]]:
        """Return a slice of a tenant's usage on some days by group, and the ledgers read.

        It is over all periods, or of one, and includes every committed page.
        """
        ledgers = await self.ledgers_of_days(tenant, days, period)

        def rows(breakdowns: Sequence[Breakdown]) -> list[Row]:
            return list(islice(rows_after(breakdowns, some.after), some.limit))

        found, read = await self._grouped(ledgers, days, group_by, rows, spend)
        spend(len(found))
        return found, read

    async def sum_of_days(self, ledger: LedgerId, days: Days, spend: Spend = unlimited) -> Row:
        """Return the usage of a ledger on some days as one row."""
        rows, _ = await self._grouped([ledger], days, (), lambda of: list(rows_after(of)), spend)
        return next(iter(rows), Row((), NOTHING, 0))

    async def costs_and_outcomes(
        self,
        ledgers: Sequence[LedgerId],
        days: Days,
        group_by: tuple[str, ...],
        spend: Spend = unlimited,
    ) -> tuple[tuple[list[Row], list[Outcomes]], list[LedgerRead]]:
        """Return usage and outcomes of a tenant's ledgers on some days, and the ledgers read."""

        def both(of: Sequence[Breakdown]) -> tuple[list[Row], list[Outcomes]]:
            spend(sum(map(len, of)))
            return list(rows_after(of)), outcomes_of(of)

        return await self._grouped(ledgers, days, group_by, both, spend)

    async def ledgers_of_days(
        self, tenant: str, days: Days, period: Period | None = None
    ) -> list[LedgerId]:
        """Return the ledgers of a tenant whose period overlaps some days, or that of one period."""
        await self.tenancy.refresh_if_due()
        return [
            ledger
            for ledger in await self.store.ledgers(tenant)
            if days.overlap(self.tenancy.directory.period_of(ledger))
            and (period is None or ledger.start == period.start)
        ]

    async def positions(self, ledgers: Sequence[LedgerId]) -> list[Position]:
        """Return the last page of each ledger: two answers between the same ones are equal."""
        heads = [await head_of(self.store, ledger) for ledger in ledgers]
        return [START if head is None else head.position for head in heads]

    async def _grouped[T](
        self,
        ledgers: Sequence[LedgerId],
        days: Days,
        group_by: tuple[str, ...],
        work: Callable[[Sequence[Breakdown]], T],
        spend: Spend = unlimited,
    ) -> tuple[T, list[LedgerRead]]:
        """Return what `work` makes of the breakdowns of a tenant's ledgers, and their positions."""
        async with AsyncExitStack() as turns:
            for tenant in {ledger.tenant for ledger in ledgers}:
                await turns.enter_async_context(self.breakdowns.turn(tenant))
            kept = [
                await self.breakdowns.of(ledger, group_by, self._within(ledger, days), spend)
                for ledger in ledgers
            ]
            done = await self.executor.run(lambda: work([one.breakdown for one in kept]))
            return done, [one.read for one in kept]

    def _within(self, ledger: LedgerId, days: Days) -> Days:
        """Return the days that matter to a ledger, so that equal reads have an equal name."""
        period = self.tenancy.directory.period_of(ledger)
        first, end = days_between(period.start, period.end)
        if days.first <= first and end <= days.end:
            return ALL_DAYS
        return Days(max(first, days.first), min(end, days.end))
