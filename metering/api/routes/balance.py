"""A tenant's balance."""

from metering import bootstrap
from metering.api.parameters import PeriodName, TheApp, TheTenant
from metering.api.problems import Problem, not_found
from metering.api.routers import about_tenants
from metering.api.shapes.balances import BalanceOfPeriod
from metering.core.calendars.periods import Period

routers = about_tenants("balance")


@routers.own.get("/balance")
async def own_balance(app: TheApp, tenant: TheTenant, period: PeriodName = None) -> BalanceOfPeriod:
    """Show what the caller's tenant has used in a period and what it comes to."""
    return await _balance(app, tenant, period)


@routers.named.get("/balance")
async def balance(app: TheApp, tenant: TheTenant, period: PeriodName = None) -> BalanceOfPeriod:
    """Show what a tenant has used in a period and what it comes to."""
    await must_know(app, tenant)
    return await _balance(app, tenant, period)


async def _balance(app: bootstrap.App, tenant: str, name: str | None) -> BalanceOfPeriod:
    of = await period_named(app, tenant, name)
    now = app.clock.now()
    found = await app.read.balance(tenant, of)
    has_grants = app.tenancy.directory.grants(tenant)
    credit = await app.credits.of(tenant) if has_grants else None
    return BalanceOfPeriod.of_period(tenant, of, found, credit=credit, now=now)


async def must_know(app: bootstrap.App, tenant: str) -> None:
    """Raise the problem of a tenant that there is not."""
    if not await app.read.knows(tenant):
        raise not_found()


async def period_named(app: bootstrap.App, tenant: str, name: str | None) -> Period:
    """Return a period of a tenant's calendar by its name; without one the present one."""
    await app.tenancy.refresh()
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
