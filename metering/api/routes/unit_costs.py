"""Unit costs of a tenant's outcomes by use case."""

from metering.api.parameters import Budget, PeriodName, TheApp, TheTenant
from metering.api.problems import refusals
from metering.api.routers import about_tenants
from metering.api.routes.balance import period_named
from metering.documents.reports.unit_costs import UnitCostsDocument

routers = about_tenants("unit costs")


@routers.own.get("/unit-costs")
@routers.named.get("/unit-costs")
async def unit_costs(
    app: TheApp, tenant: TheTenant, spend: Budget, period: PeriodName = None
) -> UnitCostsDocument:
    """Return the unit costs of a tenant's outcomes in a period, with their targets."""
    of = await period_named(app, tenant, period)
    with refusals():
        found = await app.unit_economics.of_period(tenant, of, spend)
    return UnitCostsDocument.of(tenant, of, found)
