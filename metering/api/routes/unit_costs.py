"""Unit costs of a tenant's outcomes by use case."""

from typing import Annotated, Final

from fastapi import Query

from metering.api.parameters import Budget, PeriodName, TheApp, TheTenant
from metering.api.problems import refusals
from metering.api.routers import about_tenants
from metering.api.routes.balance import period_named
from metering.core.calendars.periods import days_between
from metering.core.costs.query import cost_query
from metering.documents.reports.unit_costs import EfficiencyReport, UnitCostsDocument

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


_MAX_GROUPS: Final = 1_000
_By = Annotated[
    str,
    Query(
        max_length=128,
        description="Comma-separated: model, deployment, account, region, product, use_case,"
        " end_user, and one of day, week and month.",
        examples=["week,model", "end_user"],
    ),
]
_Limit = Annotated[int, Query(ge=1, le=_MAX_GROUPS, description="Groups; the others are one.")]


@routers.own.get("/efficiency")
@routers.named.get("/efficiency")
async def efficiency(
    app: TheApp,
    tenant: TheTenant,
    spend: Budget,
    *,
    period: PeriodName = None,
    by: _By = "model",
    limit: _Limit = 100,
) -> EfficiencyReport:
    """Return the prompt efficiency of a tenant's usage by model, deployment, user or week.

    Hours of deployments are allocated by usage. Days are UTC.
    """
    of = await period_named(app, tenant, period)
    with refusals():
        names = tuple(name.strip() for name in by.split(","))
        query = cost_query(days_between(of.start, of.end), names, (("tenant", tenant),))
    return EfficiencyReport.of(tenant, await app.costs.of(query, limit, spend=spend))
