"""Desired states: the subscriptions that quotas want suspended, as of now."""

from collections.abc import Mapping
from dataclasses import dataclass

from metering.app.allocation.accruals import Accruals
from metering.app.ledger.earlier_ledgers import LedgersBefore
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.core.plans.scope import EVERYTHING
from metering.core.quotas.decision import quota_states
from metering.core.quotas.suspension import Desired
from metering.ports import Alerts, LedgerStore, SuspensionStore

#: Prefix of subjects that are clients without a subscription, which cannot be suspended.
_CLIENT = "app:"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotasWantSuspended:
    """Implements DesiredStates: suspends tenants whose plan asks for it once they are blocked.

    Computed from the present heads and the clock, so a late run never suspends a new window.
    """

    ledgers: LedgerStore
    suspensions: SuspensionStore
    accruals: Accruals
    before: LedgersBefore
    tenancy: Tenancy
    alerts: Alerts

    async def desired_states(self, now: Instant) -> Mapping[str, Desired]:
        """Return the subscriptions to suspend; all others are to be active.

        For a tenant with a broken ledger, suspended subscriptions stay suspended.
        """
        await self.tenancy.refresh()
        wanted: dict[str, Desired] = {}
        directory = self.tenancy.directory
        for tenant in directory.tenants():
            plan, _, _ = directory.plan_of(tenant, now)
            if not plan.suspend:
                continue
            subjects = [
                one for one in directory.subjects(tenant, now) if not one.startswith(_CLIENT)
            ]
            try:
                reason = await self._reason(tenant, now)
            except LedgerBroken as fault:
                self.alerts.alert(str(fault), "ledger")
                wanted |= await self._as_they_are(subjects)
                continue
            if reason is not None:
                wanted |= dict.fromkeys(subjects, Desired(is_suspended=True, reason=reason))
        return wanted

    async def _reason(self, tenant: str, now: Instant) -> str | None:
        """Return the label of the quota that blocks everything; None if none does."""
        directory = self.tenancy.directory
        period = directory.period_at(tenant, now)
        ledger = LedgerId(tenant, period.start)
        stored = await self.ledgers.read_head(ledger)
        if stored is not None:
            counts = stored.head.counts
        else:
            limits = self.tenancy.limits(tenant, now)
            counts = await self.before.counts(Head(ledger), limits, now)
        accrued = await self.accruals.for_quotas(tenant, counts.limits.quotas, period)
        for state in quota_states(counts, now, period, accrued=accrued):
            quota = state.quota
            blocks = quota.scope == EVERYTHING and quota.action == "block"
            if blocks and quota.mode == "enforced" and state.is_used_up:
                return f"{tenant}: {state.label}: the limit of {state.show(state.limit)} is reached"
        return None

    async def _as_they_are(self, subjects: list[str]) -> dict[str, Desired]:
        stored = await self.suspensions.list_suspensions()
        held = {one.suspension.subscription: one.suspension.reason for one in stored}
        return {
            name: Desired(is_suspended=True, reason=held[name]) for name in subjects if name in held
        }
