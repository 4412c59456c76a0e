"""Aliases: names that clients ask for in the place of models, with their targets."""

from typing import Annotated, Any

from fastapi import Path, Query, Response

from metering.api.auditing import Change, change
from metering.api.etags import IfMatch, expected_revision, tag
from metering.api.instants import From, instant_in
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import not_found, refusals
from metering.api.routers import for_operators
from metering.app.deployments.aliases import ShownAlias
from metering.core.basics.instants import format_instant
from metering.core.deployments.alias import read_alias
from metering.documents.aliases import AliasDocument, AliasRequest

router = for_operators("aliases")

Name = Annotated[
    str,
    Path(
        pattern=r"^[!-~]+$",
        max_length=256,
        description="The name that clients ask for.",
    ),
]
Supersede = Annotated[
    bool, Query(description="Replace targets that past usage was rated by. Re-rate to correct it.")
]


@router.get("/aliases")
async def list_aliases(
    app: TheApp, limit: Limit = 50, cursor: Cursor = None
) -> Page[AliasDocument]:
    """List aliases as of now, with what each leads to and what is scheduled."""
    return page_of(
        await app.aliases.listed(),
        lambda one: (one.listed.alias.key,),
        AliasDocument.of,
        listed="aliases",
        cursor=cursor,
        limit=limit,
    )


@router.get("/aliases/{alias:path}")
async def show_alias(app: TheApp, alias: Name, response: Response) -> AliasDocument:
    """Return an alias as of now, or its first version to come."""
    found = await app.aliases.one(alias)
    if found is None:
        raise not_found()
    tag(response, app, "alias", found.listed.alias.key)
    return AliasDocument.of(found)


@router.put("/aliases/{alias:path}")
async def set_alias(  # noqa: PLR0913, each is a part of the request
    app: TheApp,
    caller: TheCaller,
    alias: Name,
    body: AliasRequest,
    response: Response,
    effective: From = None,
    if_match: IfMatch = None,
    *,
    supersede: Supersede = False,
) -> dict[str, Any]:
    """Declare an alias: a new one from the beginning, a change in five minutes or from `from`."""
    start = instant_in(effective, "from")
    with refusals():
        declared = read_alias("alias", {"alias": alias, "targets": body.targets})
    before = await app.aliases.one(alias)
    expected = expected_revision(app, "alias", declared.key, if_match, exists=before is not None)
    wanted = {"targets": body.targets, "from": effective, "supersede": supersede}
    done = await change(
        app,
        caller,
        Change("alias.set", f"alias/{declared.key}", wanted),
        lambda: _before(before),
        lambda: app.tenancy.set_alias(declared, start, supersede=supersede, expected=expected),
    )
    tag(response, app, "alias", declared.key)
    since = done.outcome
    return {**declared.model_dump(mode="json"), "since": format_instant(since)}


def _before(found: ShownAlias | None) -> dict[str, Any] | None:
    return None if found is None else found.listed.alias.model_dump(mode="json")
