"""What outcomes cost a tenant, by use case."""

from metering import bootstrap
from metering.api.parameters import PeriodName, TheApp, TheTenant
from metering.api.problems import refusals
from metering.api.routers import about_tenants
from metering.api.routes.balance import must_know, period_named
from metering.api.shapes.unit_costs import UnitCostsOfPeriod

routers = about_tenants("unit costs")


@routers.own.get("/unit-costs")
async def own_unit_costs(
    app: TheApp, tenant: TheTenant, period: PeriodName = None
) -> UnitCostsOfPeriod:
    """Show what outcomes of the caller's tenant cost in a period, beside their targets."""
    return await _unit_costs(app, tenant, period)


@routers.named.get("/unit-costs")
async def unit_costs(
    app: TheApp, tenant: TheTenant, period: PeriodName = None
) -> UnitCostsOfPeriod:
    """Show what outcomes of a tenant cost in a period, beside their targets."""
    await must_know(app, tenant)
    return await _unit_costs(app, tenant, period)


async def _unit_costs(app: bootstrap.App, tenant: str, name: str | None) -> UnitCostsOfPeriod:
    of = await period_named(app, tenant, name)
    with refusals():
        found = await app.unit_economics.of_period(tenant, of)
    return UnitCostsOfPeriod.of(tenant, of, found)
