"""A tenant's balance."""

from metering import bootstrap
from metering.api.parameters import PeriodName, TheApp, TheTenant
from metering.api.problems import Problem
from metering.api.routers import about_tenants
from metering.core.calendars.periods import Period
from metering.documents.billing.balance import BalanceDocument

routers = about_tenants("balance")


@routers.own.get("/balance")
@routers.named.get("/balance")
async def balance(app: TheApp, tenant: TheTenant, period: PeriodName = None) -> BalanceDocument:
    """Return a tenant's usage in a period and its charge."""
    of = await period_named(app, tenant, period)
    now = app.clock.now()
    found = await app.read.balance(tenant, of)
    credit = await app.credits.where_used(tenant)
    accrued = await app.accruals.in_period(tenant, of)
    return BalanceDocument.of_period(tenant, of, found, credit=credit, accrued=accrued, now=now)


async def period_named(app: bootstrap.App, tenant: str, name: str | None) -> Period:
    """Return a period of a tenant's calendar by name; without a name, the current one."""
    await app.tenancy.refresh_if_due()
    if name is None:
        return app.tenancy.directory.period_at(tenant, app.clock.now())
    try:
        found = app.tenancy.directory.find_period(tenant, name)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        message = "the tenant's calendar has no such period"
        raise Problem(422, f"period: {message}", errors=[{"field": "period", "message": message}])
    return found
