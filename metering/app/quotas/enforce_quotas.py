"""Bring the limits of every ledger up to date, with the marks of low credit and of targets."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.credit.credits import Credits
from metering.app.ledger.catching_up import CatchingUp, PageBudget
from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import stored_head
from metering.app.ledger.wrong_clock import counted_again
from metering.app.reports.unit_economics import UnitEconomics
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import HeadMovedError, LedgerBroken
from metering.core.basics.instants import MINUTE, Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.commit import commit_of
from metering.core.ledger.credit_mark import CreditMark
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.ledger.past import Past
from metering.core.ledger.target_mark import TargetMark, with_passed
from metering.core.plans.targets import Targets
from metering.core.quotas.accruing import thresholds_accrued
from metering.core.quotas.catch_up import CatchUp
from metering.core.quotas.limit_change import begun
from metering.core.quotas.low_credit import credit_mark
from metering.core.reports.unit_economics import passed_targets
from metering.ports import Alerts, Clock, LedgerStore

#: Races lost in a row on one ledger before it is left to the next run.
_MAX_RACES: Final = 5
#: Pages that a run reads of one tenant to catch up; the next run goes on from there.
MAX_PAGES_OF_ONE: Final = 2_000
#: Pages that a run reads of all tenants: 10 s with 20 events each, so others keep their minute.
MAX_PAGES: Final = 10_000


class _Found(NamedTuple):
    """Notices about a tenant that none of its own commits can find."""

    low_credit: CreditMark | None = None
    passed: tuple[TargetMark, ...] = ()
    targets: Targets = ()
    """The targets in force."""

    def on(self, past: Past) -> Past:
        """Return the past with what has been found; credit is told once until it is above again."""
        low = past.low_credit if past.low_credit and self.low_credit else self.low_credit
        in_force = ((one.use_case, one.outcome, one.cost_units) for one in self.targets)
        targets = with_passed(past.targets, self.passed, in_force)
        return replace(past, low_credit=low, targets=targets)


class _Work(NamedTuple):
    """The work that one ledger needs."""

    ledger: LedgerId
    limits: Limits
    found: _Found
    now: Instant
    budget: PageBudget


def _in_turn(tenants: Iterable[str], now: Instant) -> list[str]:
    """Return tenants in an order that differs from minute to minute.

    Where the pages of a run do not go round, others come first in the next one.
    """
    run = now // MINUTE
    return sorted(tenants, key=lambda tenant: sha256(f"{run} {tenant}".encode()).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforceQuotas:
    """The use case behind the timer `enforce_quotas`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    credit: Credits
    accruals: Accruals
    unit_economics: UnitEconomics
    clock: Clock
    alerts: Alerts

    async def run(self) -> int:
        """Write the limits in force to the ledgers of the present period; return how many changed.

        A commit does this itself if the head has the usage of a new quota. Otherwise the pages are
        read here, and so are late pages of earlier ledgers, in windows that overlap several: a
        bounded number in a run. Credit that has become low and targets that are passed are told
        here only, once the period has usage. Safe to repeat and to run twice at once.
        """
        await self.tenancy.refresh()
        changes, left = 0, MAX_PAGES
        one_by_one = OneByOne(self.alerts)
        for tenant in _in_turn(self.tenancy.directory.tenants(), self.clock.now()):
            now = self.clock.now()
            ledger = LedgerId(tenant, self.tenancy.directory.period_at(tenant, now).start)
            budget = PageBudget(min(left, MAX_PAGES_OF_ONE))
            left -= budget.left
            found = _Found(targets=self.tenancy.directory.plan_of(tenant, now)[0].targets)
            with one_by_one.about(ledger):
                # Rollups that cannot be read keep no limit waiting.
                found = found._replace(passed=await self._passed(ledger, found.targets))
            with one_by_one.about(ledger):
                found = found._replace(low_credit=await self._low_credit(tenant, now))
                work = _Work(ledger, self.tenancy.limits(tenant, now), found, now, budget)
                changes += await self._settle(work)
            left += budget.left
        one_by_one.settle()
        return changes

    async def _low_credit(self, tenant: str, now: Instant) -> CreditMark | None:
        terms = self.tenancy.directory.plan_of(tenant, now)[0].low_credit
        return None if terms is None else credit_mark(terms, await self.credit.forecast(tenant))

    async def _passed(self, ledger: LedgerId, targets: Targets) -> tuple[TargetMark, ...]:
        if not targets:
            return ()
        period = self.tenancy.directory.period_of(ledger)
        found = await self.unit_economics.of_period(ledger.tenant, period)
        return tuple(passed_targets(found.use_cases))

    async def _settle(self, work: _Work) -> bool:
        """Bring one ledger up to date; return whether it changed.

        Pages that were read are not read again after a lost race: their sums fit a later head.
        """
        reading = CatchingUp(self.ledgers, self.tenancy.directory.period_at)
        counting: CatchUp | None = None
        fault: LedgerBroken | None = None
        for _ in range(_MAX_RACES):
            stored = await stored_head(self.ledgers, work.ledger)
            if stored is None:
                return False
            head = stored.head
            change = await counted_again(self.ledgers, head, work.limits, work.now)
            change = change or begun(head, work.limits, work.now)
            if counting is None or not counting.fits(head):
                counting = CatchUp(head, change, work.limits, work.now)
                fault = await reading.read(
                    work.ledger, counting, work.limits, work.now, work.budget
                )
            await reading.meanwhile(head, counting)
            change = await self._with_marks(counting.change(head, change), head, work)
            if change is None:
                break
            try:
                await self.ledgers.commit(commit_of(head, {}, work.now, change))
            except HeadMovedError:
                continue
            break
        else:
            return False
        if fault is not None:
            raise fault
        return change is not None

    async def _with_marks(
        self, change: LimitChange | None, head: Head, work: _Work
    ) -> LimitChange | None:
        """Return a change with what was found, or with thresholds that accrued hours reach."""
        past = head.counts.past
        told = None if past is None else work.found.on(past)
        if change is None:
            change = await self._accrued(head, work.now)
        if told == past:
            return change
        return replace(change or LimitChange(work.limits), past=told)

    async def _accrued(self, head: Head, now: Instant) -> LimitChange | None:
        """Return the thresholds that quotas reach with the accrued cost of provisioned units."""
        ledger, quotas = head.ledger, head.counts.limits.quotas
        period = self.tenancy.directory.period_of(ledger)
        accrued = await self.accruals.for_quotas(ledger.tenant, quotas, period)
        return thresholds_accrued(head.counts, now, period, accrued)
