"""A tenant's alerts and quotas."""

from metering.api.paging import Cursor, Limit, page_of
from metering.api.parameters import PeriodName, TheApp, TheTenant
from metering.api.routers import about_tenants
from metering.api.routes.balance import period_named
from metering.core.basics.instants import format_instant
from metering.core.calendars.periods import LedgerId
from metering.documents.quotas.alerts import (
    AlertDocument,
    AlertsDocument,
    QuotaDocument,
    QuotasDocument,
)

routers = about_tenants("alerts and quotas")


@routers.own.get("/alerts")
@routers.named.get("/alerts")
async def alerts(
    app: TheApp,
    tenant: TheTenant,
    *,
    period: PeriodName = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AlertsDocument:
    """List a tenant's alerts in a period, newest first."""
    of = await period_named(app, tenant, period)
    ledger = LedgerId(tenant, of.start)
    found = await app.tenant_alerts.of(ledger)
    page = page_of(
        found.effects,
        # Newest first: later items have lower numbers.
        lambda effect: (-effect.page, -effect.position),
        AlertDocument.of,
        listed=f"alerts {ledger}",
        cursor=cursor,
        limit=limit,
    )
    return AlertsDocument(
        tenant=tenant,
        period=of.name,
        as_of=format_instant(found.at),
        reached=[QuotaDocument.model_validate(state) for state in found.reached],
        items=page.items,
        next=page.next,
    )


@routers.own.get("/quotas")
@routers.named.get("/quotas")
async def quotas(app: TheApp, tenant: TheTenant) -> QuotasDocument:
    """Return a tenant's quotas with their use and forecast."""
    return QuotasDocument.of(tenant, await app.forecasts.of(tenant), app.tenancy.directory)
