"""Versions of list prices. A published version is never edited."""

import json
from typing import Annotated, Any

from fastapi import Body, Path, Query

from metering.api.auditing import Change, change
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem, not_found
from metering.api.routers import for_operators
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.prices.listed import State, listed_prices
from metering.documents.prices.changes import PriceChangeDocument, PriceVersion, PublishedPrices
from metering.documents.prices.listed import ListedPriceDocument

router = for_operators("prices")

Version = Annotated[
    str,
    Path(
        pattern=IDENTIFIER_SCHEMA,
        description="The name of the version.",
        examples=["2026-12"],
    ),
]
Content = Annotated[
    dict[str, Any],
    Body(
        description="A price file: see `metering prices import`.",
        examples=[{"version": "2026-12", "currency": "USD", "prices": []}],
    ),
]
Supersede = Annotated[
    bool,
    Query(description="Replace prices that apply to past usage. Re-rate to correct it."),
]
_Model = Annotated[str, Query(max_length=256, description="Part of a model's name, in any case.")]
_State = Annotated[State | None, Query(description="Default: all.")]


@router.get("/prices")
async def list_price_versions(
    app: TheApp, limit: Limit = 50, cursor: Cursor = None
) -> Page[PriceVersion]:
    """List published versions by name. The versions shipped with the package are not listed."""
    await app.tenancy.refresh()
    return page_of(
        sorted(app.tenancy.directory.price_versions, key=lambda record: record.key),
        lambda record: (record.key,),
        PriceVersion.model_validate,
        listed="prices",
        cursor=cursor,
        limit=limit,
    )


@router.get("/price-rows")
async def list_price_rows(
    app: TheApp,
    *,
    model: _Model = "",
    state: _State = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ListedPriceDocument]:
    """List price rows by model, of the package's versions and the published ones."""
    await app.tenancy.refresh()
    now, wanted = app.clock.now(), model.casefold()
    rows = [one for one in app.tenancy.prices.rows.values() if wanted in one.model.casefold()]
    return page_of(
        [one for one in listed_prices(rows, now) if state in {None, one.state}],
        lambda one: one.key,
        lambda one: ListedPriceDocument.of(one, now),
        listed=f"price-rows {model!r} {state}",
        cursor=cursor,
        limit=limit,
    )


@router.get("/prices/{version}")
async def show_price_version(app: TheApp, version: Version) -> dict[str, Any]:
    """Return a version as it was published."""
    content = await app.stores.prices.read_version(version)
    if content is None:
        raise not_found()
    found: dict[str, Any] = json.loads(content)
    return found


@router.put("/prices/{version}")
async def publish_prices(
    app: TheApp,
    caller: TheCaller,
    version: Version,
    content: Content,
    *,
    supersede: Supersede = False,
) -> PublishedPrices:
    """Publish a version of prices for every process. Safe to repeat."""
    if content.get("version") != version:
        fault = {"field": "version", "message": "must match the version in the URL"}
        raise Problem(422, "version: must match the version in the URL", errors=[fault])
    body = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
    done = await change(
        app,
        caller,
        Change("prices.publish", f"prices/{version}", {"supersede": supersede}),
        lambda: None,
        lambda: app.publish_prices.publish("prices", body, supersede=supersede),
    )
    return PublishedPrices(
        version=done.version,
        changes=[PriceChangeDocument.model_validate(one) for one in done.changes],
    )
