"""Forecasts: a tenant's period, quotas and credit, extrapolated from their start."""

from dataclasses import dataclass
from typing import NamedTuple

from metering.app.credit.credits import Credits
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.calendars.windows import Window
from metering.core.credit.credit import CreditBalance
from metering.core.ledger.head import Head
from metering.core.quotas.decision import QuotaState, quota_states
from metering.core.quotas.forecast import Trend, exhausted_at, trend
from metering.core.quotas.limit_change import counts_in_force
from metering.core.quotas.shown import shown_states
from metering.ports import Clock, LedgerStore


class QuotaForecast(NamedTuple):
    """One quota: its state, its trend, and when it will be exhausted."""

    state: QuotaState
    trend: Trend
    exhausted_at: Instant | None


class Forecast(NamedTuple):
    """The present period of a tenant."""

    at: Instant
    currency: str
    amount: Trend
    """The trend of the amount, in 10^-18 currency units."""
    quotas: tuple[QuotaForecast, ...]
    credit: CreditBalance | None
    """None for a tenant that has no grants and is not prepaid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """The use case behind `metering forecast`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    credit: Credits
    clock: Clock

    async def of(self, tenant: str) -> Forecast:
        """Return the forecast for a tenant's present period."""
        await self.tenancy.refresh_if_due()
        now = self.clock.now()
        period = self.tenancy.directory.period_at(tenant, now)
        ledger = LedgerId(tenant, period.start)
        stored = await self.ledgers.read_head(ledger)
        head = Head(ledger) if stored is None else stored.head
        counts = counts_in_force(head, self.tenancy.limits(tenant, now), now)
        states = shown_states(quota_states(counts, now, period), counts.limits, now, period)
        return Forecast(
            now,
            self.tenancy.directory.plan_for(ledger).currency,
            trend(head.amount, Window(period.start, period.end), now),
            tuple(
                QuotaForecast(one, trend(one.used, one.window, now), exhausted_at(one, now))
                for one in states
            ),
            await self.credit.where_used(tenant),
        )
