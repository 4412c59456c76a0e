"""Unit costs of a tenant's outcomes by use case."""

from typing import Annotated, Final

from fastapi import Query, Response

from metering.api.etags import NOT_MODIFIED, IfNoneMatch, matches, tag_of
from metering.api.paging import Cursor, cursor_at, key_of, sort_key
from metering.api.parameters import Budget, PeriodName, TheApp, TheTenant
from metering.api.problems import refusals
from metering.api.routers import about_tenants
from metering.api.routes.balance import period_named
from metering.core.calendars.periods import LedgerId, days_between
from metering.core.costs.query import cost_query
from metering.documents.document import json_by_row
from metering.documents.reports.unit_costs import EfficiencyReport, UnitCostsDocument

routers = about_tenants("unit costs")


_MAX_CASES: Final = 5_000
_Cases = Annotated[int, Query(ge=1, le=_MAX_CASES, description="The maximum number of use cases.")]


@routers.own.get("/unit-costs", response_model=UnitCostsDocument, responses=NOT_MODIFIED)
@routers.named.get("/unit-costs", response_model=UnitCostsDocument, responses=NOT_MODIFIED)
async def unit_costs(
    app: TheApp,
    tenant: TheTenant,
    spend: Budget,
    *,
    period: PeriodName = None,
    limit: _Cases = 1_000,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return the unit costs of a tenant's outcomes in a period by use case, with their targets."""
    of = await period_named(app, tenant, period)
    listed = f"unit-costs {tenant} {of.name}"
    after = key_of(listed, cursor)
    at = max(of.start, min(of.end - 1, app.clock.now()))
    plan, _, _ = app.tenancy.directory.plan_of(tenant, at)
    positions = await app.read.positions([LedgerId(tenant, of.start)])
    tag = tag_of(listed, after, limit, positions, plan.currency, plan.targets)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    with refusals():
        found = await app.unit_economics.of_period(tenant, of, spend)

    def content() -> str:
        rows = found.use_cases
        if after is not None:
            rows = tuple(row for row in rows if sort_key((row.name,)) > sort_key(after))
        document = UnitCostsDocument.of(tenant, of, found._replace(use_cases=rows[:limit]))
        if len(rows) > limit:
            following = cursor_at(listed, (rows[limit - 1].name,))
            document = document.model_copy(update={"next": following})
        return json_by_row(document, "use_cases")

    return Response(await app.executor.run(content), media_type="application/json", headers=headers)


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


@routers.own.get("/efficiency", response_model=EfficiencyReport)
@routers.named.get("/efficiency", response_model=EfficiencyReport)
async def efficiency(
    app: TheApp,
    tenant: TheTenant,
    spend: Budget,
    *,
    period: PeriodName = None,
    by: _By = "model",
    limit: _Limit = 100,
) -> Response:
    """Return the prompt efficiency of a tenant's usage by model, deployment, user or week.

    Hours of deployments are allocated by usage. Days are UTC.
    """
    of = await period_named(app, tenant, period)
    with refusals():
        names = tuple(name.strip() for name in by.split(","))
        query = cost_query(days_between(of.start, of.end), names, (("tenant", tenant),))
    report = await app.costs.of(query, limit, spend=spend)
    content = await app.executor.run(
        lambda: json_by_row(EfficiencyReport.of(tenant, report), "items")
    )
    return Response(content, media_type="application/json")
