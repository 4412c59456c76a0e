"""All tenants at a glance: the usage of each, and its most used quota."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.credit.credits import Credits
from metering.app.ledger.earlier_ledgers import LedgersBefore
from metering.app.ledger.past_before import rhythm_at
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.accrued import Accrued
from metering.core.basics.errors import InvariantBroken, LedgerLagError
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.billing.balance import Balance, balance_of
from metering.core.calendars.periods import LedgerId, Period
from metering.core.calendars.windows import Window
from metering.core.credit.credit import CreditBalance
from metering.core.ledger.head import Head
from metering.core.ledger.projection import Rhythm
from metering.core.plans.included_span import span_included
from metering.core.quotas.decision import QuotaState, quota_states
from metering.core.quotas.forecast import Trend, trend
from metering.core.quotas.shown import shown_states
from metering.core.reports.board import Standing
from metering.ports import Clock, LedgerStore

#: A tenant is near a limit from this percentage on.
NEAR_PERCENT: Final = 80
#: Heads read at the same time: enough to hide their latency, too few to crowd out commits.
_AT_ONCE: Final = 16


class TenantNow(NamedTuple):
    """One tenant in its current period."""

    tenant: str
    period: Period
    balance: Balance
    trend: Trend
    quotas: Sequence[QuotaState]
    credit: CreditBalance | None
    """None for a tenant without grants that is not prepaid."""
    accrued: Accrued
    """Its share of deployments paid by the hour, which is in no other amount."""
    fault: str | None = None
    """Why its ledger cannot be read."""

    @property
    def provisioned(self) -> Amount:
        """The accrued share in the period so far."""
        return self.accrued.within(Window(self.period.start, self.period.end))

    @property
    def nearest(self) -> QuotaState | None:
        """The quota with the highest percentage used."""
        return max(self.quotas, key=lambda state: state.percent, default=None)

    @property
    def standing(self) -> Standing:
        """The standing now."""
        if self.fault is not None:
            return Standing.UNREADABLE
        nearest, is_prepaid = self.nearest, self.balance.plan.billing == "prepaid"
        has_none = self.credit is not None and self.credit.remaining.at_most <= 0
        if (is_prepaid and has_none) or (nearest is not None and nearest.is_reached):
            return Standing.OVER
        if nearest is None:
            return Standing.WITHIN if is_prepaid else Standing.UNLIMITED
        return Standing.NEAR if nearest.percent >= NEAR_PERCENT else Standing.WITHIN


@dataclass(slots=True, kw_only=True)
class Overview:
    """The use case behind the operator's overview."""

    ledgers: LedgerStore
    tenancy: Tenancy
    credit: Credits
    accruals: Accruals
    before: LedgersBefore
    clock: Clock

    async def of(self, tenants: Sequence[str]) -> list[TenantNow]:
        """Return these tenants as committed up to now, in the given order.

        It reads one head for each tenant, for its forecast and its quotas over several periods that
        of the period before if there is none yet, and calls Credits.of for those with grants or a
        prepaid plan.
        """
        await self.tenancy.refresh_if_due()
        now, room = self.clock.now(), asyncio.Semaphore(_AT_ONCE)

        async def one(tenant: str) -> TenantNow:
            async with room:
                return await self._one(tenant, now)

        return await asyncio.gather(*map(one, tenants))

    async def _one(self, tenant: str, now: Instant) -> TenantNow:
        directory = self.tenancy.directory
        period = directory.period_at(tenant, now)
        ledger = LedgerId(tenant, period.start)
        head, credit, fault = Head(ledger), None, None
        try:
            stored = await self.ledgers.read_head(ledger)
            head = head if stored is None else stored.head
            credit = await self.credit.where_used(tenant)
        except (InvariantBroken, LedgerLagError) as broken:
            head, fault = Head(ledger), str(broken)
        limits = self.tenancy.limits(tenant, now)
        counts = await self.before.counts(head, limits, now)
        balance = balance_of(head, directory.plan_for(ledger))
        accrued = Accrued(balance.currency)
        rhythm: Rhythm | None = None
        if fault is None:
            rhythm = await rhythm_at(self.ledgers, directory.period_at, head, counts, now)
            span = span_included(counts.limits.quotas, period) or period
            accrued = await self.accruals.of(tenant, span)
        states = quota_states(counts, now, period, accrued=accrued)
        window = Window(period.start, period.end)
        return TenantNow(
            tenant,
            period,
            balance,
            trend(balance.amount, window, now, rhythm, spend=True),
            shown_states(states, counts.limits, now, period),
            credit,
            accrued.lies_in(window),
            fault,
        )
