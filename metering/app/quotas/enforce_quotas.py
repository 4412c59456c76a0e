"""Bring the limits of every ledger up to date, with the marks of low credit and of targets."""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.credit.credits import Credits
from metering.app.ledger.earlier_ledgers import with_earlier
from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import pages, stored_head
from metering.app.ledger.wrong_clock import counted_again
from metering.app.reports.unit_economics import UnitEconomics
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import HeadMovedError
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.commit import commit_of
from metering.core.ledger.credit_mark import CreditMark
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.ledger.past import Past
from metering.core.ledger.target_mark import TargetMark, with_passed
from metering.core.plans.targets import Targets
from metering.core.quotas.accruing import thresholds_accrued
from metering.core.quotas.limit_change import BeforeTheChange
from metering.core.quotas.low_credit import credit_mark
from metering.core.reports.unit_economics import passed_targets
from metering.ports import Alerts, Clock, LedgerStore

#: Races lost in a row on one ledger before it is left to the next run.
_MAX_RACES: Final = 5


class _Found(NamedTuple):
    """What is told of a tenant that no commit of its own can find."""

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
        read here. So is what earlier ledgers have got of windows that overlap several. Credit that
        has become low and targets that are passed are told here only, once the period has usage.
        Safe to repeat and to run twice at once.
        """
        await self.tenancy.refresh()
        changes = 0
        one_by_one = OneByOne(self.alerts)
        for tenant in self.tenancy.directory.tenants():
            now = self.clock.now()
            ledger = LedgerId(tenant, self.tenancy.directory.period_at(tenant, now).start)
            limits = self.tenancy.limits(tenant, now)
            found = _Found(targets=self.tenancy.directory.plan_of(tenant, now)[0].targets)
            with one_by_one.about(ledger):
                # Rollups that cannot be read keep no limit waiting.
                found = found._replace(passed=await self._passed(ledger, found.targets))
            with one_by_one.about(ledger):
                low = await self._low_credit(tenant, now)
                changes += await self._settle(ledger, limits, found._replace(low_credit=low), now)
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

    async def _settle(self, ledger: LedgerId, limits: Limits, found: _Found, now: Instant) -> bool:
        for _ in range(_MAX_RACES):
            stored = await stored_head(self.ledgers, ledger)
            if stored is None:
                return False
            head = stored.head
            change = await counted_again(self.ledgers, head, limits, now)
            change = change or await self._counted(head, limits, now)
            periods = self.tenancy.directory.period_at
            change = await with_earlier(self.ledgers, periods, head, change, limits, now)
            past = head.counts.past
            told = None if past is None else found.on(past)
            if change is None:
                change = await self._accrued(head, now)
            if change is None and told == past:
                return False
            change = change or LimitChange(limits)
            if told != past:
                change = replace(change, past=told)
            commit = commit_of(head, {}, now, change)
            try:
                await self.ledgers.commit(commit)
            except HeadMovedError:
                continue
            return True
        return False

    async def _accrued(self, head: Head, now: Instant) -> LimitChange | None:
        """Return the thresholds that quotas reach with the accrued cost of provisioned units."""
        ledger, quotas = head.ledger, head.counts.limits.quotas
        period = self.tenancy.directory.period_of(ledger)
        accrued = await self.accruals.for_quotas(ledger.tenant, quotas, period)
        return thresholds_accrued(head.counts, now, period, accrued)

    async def _counted(self, head: Head, limits: Limits, now: Instant) -> LimitChange | None:
        """Return the change to other limits, with the usage of the new ones in this ledger."""
        if limits == head.counts.limits:
            return None
        counting = BeforeTheChange(head, limits, now)
        async for page in pages(self.ledgers, head.ledger, through=head.position):
            counting.add(page)
        return counting.change()
