"""Costs over all tenants, from rollups, heads and allocations: no ledger is read from its start."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import batched
from typing import Final, NamedTuple

from metering.app.allocation.accruals import MonthlyAccruals
from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import head_of
from metering.app.reports.breakdowns import Breakdowns, Spend, unlimited
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.accrual import Accrual
from metering.core.allocation.allocation import Allocation
from metering.core.basics.instants import MINUTE, Instant, parse_instant
from metering.core.billing.balance import balance_of
from metering.core.calendars.periods import Days, LedgerId, Period, day_at, month_of
from metering.core.costs.own_costs import OwnCosts
from metering.core.costs.query import CostQuery
from metering.core.costs.sheet import CostSheet, Names
from metering.core.costs.sums import CostRow, Sums
from metering.core.ledger.head import Head
from metering.core.tenancy.directory import Directory
from metering.ports import Clock, Executor, LedgerStore

#: Ledgers read at the same time: enough to hide latency, too few to crowd out commits.
_AT_ONCE: Final = 16
#: How long a process answers from what it read: rollups are written as often.
MEMORY: Final = MINUTE
#: Sheets kept: those of the questions of one page.
_MAX_KEPT: Final = 16


type AccrualsOf = Callable[[Period], Awaitable[MonthlyAccruals]]
"""Returns the accruals of a UTC month: final ones are what the close wrote."""


class CostReport(NamedTuple):
    """An answer about costs."""

    query: CostQuery
    rows: list[CostRow]
    totals: dict[str, Sums]
    """By currency."""
    totals_before: dict[str, Sums] | None
    left_out: dict[str, str]
    """The ledgers that could not be read, and why: in an answer about one tenant, its own."""
    incomplete: tuple[str, ...]
    """Deployments whose hours are divided without some of their usage."""
    not_whole: int
    """Periods that reach beyond the days, so that no terms of plans are in the figures."""
    as_of: Instant


class _Read(NamedTuple):
    """A sheet, and what it could not contain."""

    sheet: CostSheet
    left_out: dict[str, str]
    incomplete: tuple[str, ...]
    not_whole: int
    as_of: Instant


@dataclass(slots=True, kw_only=True)
class Costs:
    """The use case behind `metering costs`, `/api/costs` and the export of costs.

    Each ledger costs its head, the cursor and the summaries of the days, and the pages since. One
    question at a time is worked out in a process, and answered from memory for a minute.
    """

    ledgers: LedgerStore
    breakdowns: Breakdowns
    accruals: AccrualsOf
    tenancy: Tenancy
    clock: Clock
    executor: Executor
    _kept: OrderedDict[CostQuery, _Read] = field(init=False, default_factory=OrderedDict)
    _turn: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def of(
        self, query: CostQuery, limit: int, *, compares: bool = False, spend: Spend = unlimited
    ) -> CostReport:
        """Return the costs by the dimensions of a query, the `limit` largest groups by name.

        A ledger that cannot be read is named, and the others are counted.
        """
        now = await self._read(query, spend)
        is_compared = compares and not query.is_series
        before = await self._read(query.before(), spend) if is_compared else None
        then = None if before is None else before.sheet
        rows = await self.executor.run(lambda: now.sheet.rows(limit, then))
        return CostReport(
            query,
            rows,
            now.sheet.totals(),
            None if then is None else then.totals(),
            {**(before.left_out if before else {}), **now.left_out},
            now.incomplete,
            now.not_whole,
            now.as_of,
        )

    async def _read(self, query: CostQuery, spend: Spend) -> _Read:
        # A tenant does not wait for a question about all tenants.
        async with self._turn if query.tenant is None else nullcontext():
            now = self.clock.now()
            kept = self._kept.pop(query, None)
            if kept is None or not kept.as_of <= now < kept.as_of + MEMORY:
                kept = await self._worked_out(query, now, spend)
            self._kept[query] = kept
            if len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
            return kept

    async def _worked_out(self, query: CostQuery, now: Instant, spend: Spend) -> _Read:
        await self.tenancy.refresh()
        directory = self.tenancy.directory
        sheet = CostSheet(query, OwnCosts(self.tenancy.prices, directory))
        accruals, unknown = await self._accruals(query.days, now)
        sharing = defaultdict[str, list[Period]](list)
        for one in accruals:
            for share in one.allocation.shares:
                sharing[share.tenant].append(one.allocation.month)
        one_by_one = OneByOne()
        reading = _Reading(self, sheet, one_by_one, sharing, spend)
        present = await self.ledgers.ledgers(query.tenant)
        found = [
            (ledger, days) for ledger in present if (days := reading.days_of(ledger)) is not None
        ]
        for some in batched(found, _AT_ONCE, strict=False):
            await asyncio.gather(*(reading.ledger(*one) for one in some))
        reading.unused(present, now)
        one_by_one.must_have_some()
        for one in accruals:
            known = _known(directory, one.allocation)
            sheet.add_allocation(one.allocation, known, is_final=one.is_final)
        faults = {name: str(fault) for name, fault in one_by_one.left_out.items()} | unknown
        incomplete: dict[str, None] = {}
        for one in accruals:
            if query.tenant is None:
                faults = {**one.faults, **faults}
            if one.faults and (query.tenant is None or one.allocation.share_of(query.tenant)):
                incomplete[one.allocation.deployment] = None
        return _Read(sheet, faults, tuple(incomplete), reading.not_whole, now)

    async def _accruals(self, days: Days, now: Instant) -> tuple[list[Accrual], dict[str, str]]:
        """Return the accruals of the months that have any of the days, and what is not known yet.

        The latter by name, with the reason.
        """
        found, unknown = list[Accrual](), dict[str, str]()
        if not self.tenancy.directory.capacities():
            return found, unknown
        month = month_of(parse_instant(f"{days.first}T00:00:00Z"))
        while day_at(month.start) < days.end and month.start <= now:
            of_month = await self.accruals(month)
            found += of_month.accruals
            for name in of_month.unknown:
                about = f"deployment {name}, {month.name}"
                unknown[about] = f"{about}: its hours were not worked out yet"
            month = month_of(month.end)
        return found, unknown


@dataclass(slots=True)
class _Reading:
    """The ledgers of one question."""

    costs: Costs
    sheet: CostSheet
    one_by_one: OneByOne
    sharing: Mapping[str, Sequence[Period]]
    """By tenant, the months in which it shares hours: they are read whole to divide them."""
    spend: Spend
    not_whole: int = 0

    @property
    def _directory(self) -> Directory:
        return self.costs.tenancy.directory

    def days_of(self, ledger: LedgerId) -> Days | None:
        """Return the days that are read of a ledger; None if it has none of them."""
        period, days = self._directory.period_of(ledger), self.sheet.query.days
        for month in self.sharing.get(ledger.tenant, ()):
            days = Days(min(days.first, day_at(month.start)), max(days.end, day_at(month.end)))
        return days if days.overlap(period) else None

    async def ledger(self, ledger: LedgerId, days: Days) -> None:
        """Add some days of a ledger to the sheet: all of them, or its fault."""
        query = self.sheet.query
        with self.one_by_one.about(ledger):
            breakdown = await self.costs.breakdowns.once(ledger, query.read_by, days, self.spend)
            head = await head_of(self.costs.ledgers, ledger) if self._has_terms(ledger) else None
            currency = self._directory.plan_for(ledger).currency
            work = partial(self.sheet.add, ledger.tenant, currency)
            await self.costs.executor.run(lambda: work(breakdown.rows()))
            if head is not None:
                self._add_terms(head)

    def unused(self, present: Sequence[LedgerId], now: Instant) -> None:
        """Add the terms of periods that have begun and have no ledger: their fees are due too."""
        directory, query = self._directory, self.sheet.query
        first = dict[str, Instant]()
        for ledger in present:
            first[ledger.tenant] = min(ledger.start, first.get(ledger.tenant, ledger.start))
        known, end = set(present), parse_instant(f"{query.days.end}T00:00:00Z")
        for tenant in filter(partial(query.meant, "tenant"), directory.tenants()):
            since = min(directory.since(tenant) or now, first.get(tenant, now))
            asked = max(since, parse_instant(f"{query.days.first}T00:00:00Z"))
            period = directory.period_at(tenant, asked)
            while period.start <= now and period.start < end:
                ledger = LedgerId(tenant, period.start)
                if ledger not in known and self._has_terms(ledger):
                    self._add_terms(Head(ledger))
                period = directory.period_at(tenant, period.end)

    def _has_terms(self, ledger: LedgerId) -> bool:
        """Say whether terms of the plan belong to the days: those of a period that is whole."""
        period, days = self._directory.period_of(ledger), self.sheet.query.days
        plan = self._directory.plan_for(ledger)
        if not plan.period_terms or not self.sheet.query.is_of_whole_tenants:
            return False
        if day_at(period.start) in days and day_at(period.end - 1) in days:
            return True
        self.not_whole += days.overlap(period)
        return False

    def _add_terms(self, head: Head) -> None:
        """Add what the terms of the plan change in the period of a ledger."""
        ledger = head.ledger
        balance = balance_of(head, self._directory.plan_for(ledger))
        last = day_at(self._directory.period_of(ledger).end - 1)
        terms = balance.charge.total - balance.amount
        self.sheet.add_terms(ledger.tenant, balance.currency, last, terms)


def _known(directory: Directory, allocation: Allocation) -> Names:
    """Return the names that the registry has for the deployment of an allocation."""
    place = allocation.deployment.casefold()
    records = next(one.records for one in directory.capacities() if one.place == place)
    last = records.at(allocation.month.end - 1)[0] or records.values()[-1]
    return {
        "deployment": last.name,
        "account": last.account,
        "region": last.region,
        "model": last.model,
    }
