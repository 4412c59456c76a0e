"""What a tenant was told of, and where its quotas stand."""

from metering import bootstrap
from metering.api.paging import Cursor, Limit, page_of
from metering.api.parameters import PeriodName, TheApp, TheTenant
from metering.api.routers import about_tenants
from metering.api.routes.balance import must_know, period_named
from metering.api.shapes.alerts import Alert, Alerts, QuotaNow, Quotas
from metering.core.basics.instants import format_instant
from metering.core.calendars.periods import LedgerId

routers = about_tenants("alerts and quotas")


@routers.own.get("/alerts")
async def own_alerts(
    app: TheApp,
    tenant: TheTenant,
    *,
    period: PeriodName = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Alerts:
    """List what the caller's tenant was told of in a period, newest first."""
    return await _alerts(app, tenant, period, limit=limit, cursor=cursor)


@routers.named.get("/alerts")
async def alerts(
    app: TheApp,
    tenant: TheTenant,
    *,
    period: PeriodName = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Alerts:
    """List what a tenant was told of in a period, newest first."""
    await must_know(app, tenant)
    return await _alerts(app, tenant, period, limit=limit, cursor=cursor)


async def _alerts(
    app: bootstrap.App, tenant: str, name: str | None, *, limit: int, cursor: str | None
) -> Alerts:
    of = await period_named(app, tenant, name)
    ledger = LedgerId(tenant, of.start)
    found = await app.tenant_alerts.of(ledger)
    page = page_of(
        found.effects,
        # Newest first: what comes later in the list has the lower numbers.
        lambda effect: (-effect.page, -effect.position),
        Alert.of,
        listed=f"alerts {ledger}",
        cursor=cursor,
        limit=limit,
    )
    return Alerts(
        tenant=tenant,
        period=of.name,
        as_of=format_instant(found.at),
        reached=[QuotaNow.of(state) for state in found.reached],
        items=page.items,
        next=page.next,
    )


@routers.own.get("/quotas")
async def own_quotas(app: TheApp, tenant: TheTenant) -> Quotas:
    """Show where the quotas of the caller's tenant stand, and where they go."""
    return Quotas.of(tenant, await app.forecasts.of(tenant))


@routers.named.get("/quotas")
async def quotas(app: TheApp, tenant: TheTenant) -> Quotas:
    """Show where a tenant's quotas stand, and where they go."""
    await must_know(app, tenant)
    return Quotas.of(tenant, await app.forecasts.of(tenant))
