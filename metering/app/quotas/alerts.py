"""Tenant alerts: thresholds reached, unusual hours, models without a price."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.ledger.earlier_ledgers import LedgersBefore
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.effect import Effect, in_currency
from metering.core.ledger.head import Head
from metering.core.quotas.decision import QuotaState, quota_states
from metering.core.quotas.shown import shown_states
from metering.ports import Clock, EffectStore, LedgerStore

#: Most alerts read of one period: far more than quotas have thresholds and windows.
MAX_ALERTS: Final = 1_000


class Told(NamedTuple):
    """The alerts of one period, and the quotas past a threshold now."""

    at: Instant
    effects: list[Effect]
    """Newest first, delivered or not."""
    reached: list[QuotaState]
    """Quotas past one of their thresholds in the present window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantAlerts:
    """The use case behind `/api/me/alerts`."""

    ledgers: LedgerStore
    effects: EffectStore
    accruals: Accruals
    before: LedgersBefore
    tenancy: Tenancy
    clock: Clock

    async def of(self, ledger: LedgerId) -> Told:
        """Return the alerts of one ledger."""
        await self.tenancy.refresh_if_due()
        now = self.clock.now()
        period = self.tenancy.directory.period_of(ledger)
        stored = await self.ledgers.read_head(ledger)
        head = Head(ledger) if stored is None else stored.head
        is_present = period.start <= now < period.end
        shown: list[QuotaState] = []
        if is_present:
            counts = head.counts
            if not head.pages:
                limits = self.tenancy.limits(ledger.tenant, now)
                counts = await self.before.counts(head, limits, now)
            accrued = await self.accruals.for_quotas(ledger.tenant, counts.limits.quotas, period)
            states = quota_states(counts, now, period, accrued=accrued)
            shown = shown_states(states, counts.limits, now, period)
        return Told(
            now,
            [
                in_currency(one, await self.tenancy.currency_of(ledger))
                for one in await self.effects.effects_of(ledger, MAX_ALERTS)
            ],
            [one for one in shown if one.is_counter and one.percent >= min(one.quota.thresholds)],
        )
