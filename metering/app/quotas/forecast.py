"""Forecasts: what a tenant's period and quotas come to, and when its credit runs out."""

from dataclasses import dataclass
from typing import NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.credit.credits import Credits
from metering.app.ledger.earlier_ledgers import LedgersBefore
from metering.app.ledger.past_before import rhythm_at
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.accrued import Accrued
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.billing.charge_forecast import expected_charge
from metering.core.calendars.periods import LedgerId
from metering.core.calendars.windows import Window
from metering.core.credit.credit import CreditBalance
from metering.core.ledger.head import Head
from metering.core.plans.included_span import span_included
from metering.core.quotas.decision import QuotaState, quota_states
from metering.core.quotas.forecast import Trend, exhausted_at, quota_trend, trend
from metering.core.quotas.shown import shown_states
from metering.ports import Clock, LedgerStore


class QuotaForecast(NamedTuple):
    """One quota: its state, its trend, and when it will be exhausted."""

    state: QuotaState
    trend: Trend
    exhausted_at: Instant | None


class ProvisionedForecast(NamedTuple):
    """The share of deployments paid by the hour in the period, which is in no amount or charge."""

    accrued: Accrued
    window: Window

    @property
    def so_far(self) -> Amount:
        """The share until now."""
        return self.accrued.within(self.window)

    @property
    def projected(self) -> Amount:
        """The share at the end of the period: the recorded hours to come at the same part."""
        return self.so_far + self.accrued.expected(self.window.end)


class Forecast(NamedTuple):
    """The present period of a tenant."""

    at: Instant
    currency: str
    amount: Trend
    """The trend of the amount, in 10^-18 currency units."""
    charge: Amount | None
    """The charge expected for the period; None while no usage has an amount to go on from."""
    quotas: tuple[QuotaForecast, ...]
    credit: CreditBalance | None
    """None for a tenant that has no grants and is not prepaid."""
    provisioned: ProvisionedForecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """The use case behind `metering forecast`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    credit: Credits
    accruals: Accruals
    before: LedgersBefore
    clock: Clock

    async def of(self, tenant: str) -> Forecast:
        """Return the forecast for a tenant's present period."""
        await self.tenancy.refresh_if_due()
        now = self.clock.now()
        period = self.tenancy.directory.period_at(tenant, now)
        ledger = LedgerId(tenant, period.start)
        stored = await self.ledgers.read_head(ledger)
        head = Head(ledger) if stored is None else stored.head
        periods = self.tenancy.directory.period_at
        limits = self.tenancy.limits(tenant, now)
        counts = await self.before.counts(head, limits, now)
        rhythm = await rhythm_at(self.ledgers, periods, head, counts, now)
        span = span_included(counts.limits.quotas, period) or period
        accrued = await self.accruals.of(tenant, span)
        every = quota_states(counts, now, period, accrued=accrued)
        states = shown_states(every, counts.limits, now, period)
        plan = self.tenancy.directory.plan_for(ledger)
        window = Window(period.start, period.end)
        amount = trend(head.amount, window, now, rhythm, spend=True)
        return Forecast(
            now,
            plan.currency,
            amount,
            expected_charge(head.lines, plan, amount.used, amount.projected),
            tuple(
                QuotaForecast(
                    one,
                    quota_trend(one, now, rhythm, accrued),
                    exhausted_at(one, now, rhythm, accrued),
                )
                for one in states
            ),
            await self.credit.where_used(tenant),
            ProvisionedForecast(accrued.lies_in(window), window),
        )
