"""Plans: the terms under which tenants are charged.

A plan is returned as it stands in a plan file, which is also the body of a PUT.
"""

from typing import Annotated, Any

from fastapi import Body, Path, Response

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.etags import IfMatch, expected_revision, tag
from metering.api.instants import From, instant_in
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem, not_found, refusals
from metering.api.routers import for_operators
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.plans.plan import Plan, read_plan
from metering.core.plans.versions import versions_of
from metering.documents.plans import PlanVersionDocument
from metering.documents.tenancy import plans_listed

router = for_operators("plans")

PlanId = Annotated[
    str, Path(pattern=IDENTIFIER_SCHEMA, description="A plan's id.", examples=["pro"])
]
Terms = Annotated[
    dict[str, Any],
    Body(description="The terms, as in a plan file.", examples=[{"id": "pro", "markup": "0.2"}]),
]


@router.get("/plans")
async def list_plans(app: TheApp, limit: Limit = 50, cursor: Cursor = None) -> Page[dict[str, Any]]:
    """List the plans as of now; `scheduled` has the starts of versions to come."""
    await app.tenancy.refresh()
    return page_of(
        plans_listed(app.tenancy.directory, app.clock.now()),
        lambda plan: (plan["id"],),
        lambda plan: plan,
        listed="plans",
        cursor=cursor,
        limit=limit,
    )


@router.get("/plans/{plan_id}")
async def show_plan(app: TheApp, plan_id: PlanId, response: Response) -> dict[str, Any]:
    """Return a plan as of now."""
    await app.tenancy.refresh()
    found = app.tenancy.directory.plan(plan_id, app.clock.now())
    if found is None:
        raise not_found()
    tag(response, app, "plan", plan_id)
    return _terms(found)


@router.get("/plans/{plan_id}/versions")
async def list_plan_versions(app: TheApp, plan_id: PlanId) -> list[PlanVersionDocument]:
    """List the versions of a plan, the latest first: scheduled, in force and replaced."""
    await app.tenancy.refresh()
    dated = dict(app.tenancy.directory.plan_versions()).get(plan_id)
    if dated is None:
        raise not_found()
    return [PlanVersionDocument.of(one) for one in versions_of(dated, app.clock.now())]


@router.put("/plans/{plan_id}")
async def set_plan(
    app: TheApp,
    caller: TheCaller,
    plan_id: PlanId,
    terms: Terms,
    response: Response,
    effective: From = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Set a plan from now on; a new plan applies from the beginning."""
    start = instant_in(effective, "from")
    if terms.setdefault("id", plan_id) != plan_id:
        fault = {"field": "id", "message": "must match the plan in the URL"}
        raise Problem(422, "id: must match the plan in the URL", errors=[fault])
    await app.tenancy.refresh()
    with refusals():
        plan = read_plan("plan", terms)
    exists = app.tenancy.directory.plan(plan_id, app.clock.now()) is not None
    expected = expected_revision(app, "plan", plan_id, if_match, exists=exists)
    wanted = {"plan": plan.model_dump(mode="json", exclude_defaults=True), "from": effective}
    await change(
        app,
        caller,
        Change("plan.set", f"plan/{plan_id}", wanted),
        lambda: _state(app, plan_id),
        lambda: app.tenancy.define_plan(plan, start, expected=expected),
    )
    tag(response, app, "plan", plan_id)
    return _terms(plan)


def _terms(plan: Plan) -> dict[str, Any]:
    return plan.model_dump(mode="json")


def _state(app: bootstrap.App, plan_id: str) -> dict[str, object] | None:
    found = app.tenancy.directory.plan(plan_id, app.clock.now())
    return None if found is None else found.model_dump(mode="json", exclude_defaults=True)
