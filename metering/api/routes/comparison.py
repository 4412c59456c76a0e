"""The periods of a tenant, and a period compared with the one before."""

from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import Budget, PeriodName, TheApp, TheTenant
from metering.api.routers import about_tenants
from metering.api.routes.balance import period_named
from metering.documents.reports.comparison import ComparisonDocument, TenantPeriod

routers = about_tenants("comparison")


@routers.own.get("/periods")
@routers.named.get("/periods")
async def periods(
    app: TheApp, tenant: TheTenant, limit: Limit = 50, cursor: Cursor = None
) -> Page[TenantPeriod]:
    """List the periods in which a tenant used anything and the current one, newest first."""
    now = app.clock.now()
    return page_of(
        await app.compare.periods(tenant),
        lambda period: (-period.start,),
        lambda period: TenantPeriod.of(period, now),
        listed=f"periods {tenant}",
        cursor=cursor,
        limit=limit,
    )


@routers.own.get("/comparison")
@routers.named.get("/comparison")
async def comparison(
    app: TheApp, tenant: TheTenant, spend: Budget, period: PeriodName = None
) -> ComparisonDocument:
    """Compare a tenant's period with the one before.

    A running period is compared on the UTC days that have ended, with as many days from the start
    of the period before.
    """
    of = await period_named(app, tenant, period)
    return ComparisonDocument.of(tenant, await app.compare.with_before(tenant, of, spend))
