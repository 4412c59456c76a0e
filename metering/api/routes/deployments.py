"""Deployments: facts about where requests are served that the gateway does not know.

A deployment is returned as it stands in a deployments file, which is also the body of a PUT.
"""

from typing import Annotated, Any

from fastapi import Body, Path, Query, Response

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.etags import IfMatch, expected_revision, tag
from metering.api.instants import From, instant_in
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem, not_found, refusals
from metering.api.routers import for_operators
from metering.core.deployments.deployment import Deployment, read_deployment
from metering.documents.deployments import deployment_listed

router = for_operators("deployments")

_PART = r"^[^/\s]+$"
Name = Annotated[
    str, Path(pattern=_PART, max_length=256, description="The name, as in the gateway's URL.")
]
Account = Annotated[
    str | None,
    Query(pattern=_PART, max_length=256, description="The Azure resource. Default: any."),
]
Content = Annotated[
    dict[str, Any],
    Body(
        description="The record, as in a deployments file.",
        examples=[{"model": "gpt-4o", "deployment_type": "data_zone", "region": "eastus2"}],
    ),
]


@router.get("/deployments")
async def list_deployments(
    app: TheApp, limit: Limit = 50, cursor: Cursor = None
) -> Page[dict[str, Any]]:
    """List recorded deployments as of now, and when versions to come begin (`scheduled`)."""
    return page_of(
        await app.deployments.listed(),
        lambda one: (one.deployment.key,),
        deployment_listed,
        listed="deployments",
        cursor=cursor,
        limit=limit,
    )


@router.get("/deployments/{name}")
async def show_deployment(
    app: TheApp, name: Name, response: Response, account: Account = None
) -> dict[str, Any]:
    """Return the record of a deployment as of now."""
    await app.tenancy.refresh()
    found = _found(app, name, account)
    if found is None:
        raise not_found()
    tag(response, app, "deployment", found.key)
    return _content(found)


@router.put("/deployments/{name}")
async def set_deployment(  # noqa: PLR0913, PLR0917, each is a part of the request
    app: TheApp,
    caller: TheCaller,
    name: Name,
    content: Content,
    response: Response,
    account: Account = None,
    effective: From = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Record a deployment from now on; a new one applies from the beginning."""
    start = instant_in(effective, "from")
    for field, value in (("name", name), ("account", account)):
        if content.setdefault(field, value) != value:
            fault = {"field": field, "message": "must match the URL"}
            raise Problem(422, f"{field}: must match the URL", errors=[fault])
    with refusals():
        deployment = read_deployment("deployment", content)
    await app.tenancy.refresh()
    before = _found(app, name, account)
    # Names are case-insensitive; an existing record keeps its spelling.
    key = deployment.key if before is None else before.key
    expected = expected_revision(app, "deployment", key, if_match, exists=before is not None)
    wanted = {"deployment": deployment.model_dump(exclude_none=True), "from": effective}
    await change(
        app,
        caller,
        Change("deployment.set", f"deployment/{deployment.key}", wanted),
        lambda: None if before is None else before.model_dump(exclude_none=True),
        lambda: app.tenancy.define_deployment(
            deployment, start, move=True, expected=expected if key == deployment.key else None
        ),
    )
    tag(response, app, "deployment", deployment.key)
    return _content(deployment)


def _found(app: bootstrap.App, name: str, account: str | None) -> Deployment | None:
    """Return the record of exactly this account, not one of the same name in any account."""
    found, _, _ = app.tenancy.directory.deployment(name, account, app.clock.now())
    return found if found is not None and (found.account is None) == (account is None) else None


def _content(one: Deployment) -> dict[str, Any]:
    return one.model_dump(mode="json")
