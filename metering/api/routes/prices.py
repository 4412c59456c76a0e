"""Price books: versions of list prices, published and never edited."""

import json
from typing import Annotated, Any

from fastapi import Body, Path, Query

from metering.api.auditing import Change, change
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem, not_found
from metering.api.routers import for_operators
from metering.api.shapes.terms import PriceChange, PricesPublished, PriceVersion

router = for_operators("prices")

Version = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Its name.", examples=["2026-12"])
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
    Query(description="Say that prices of past usage were wrong; correct them by re-rating."),
]


@router.get("/prices")
async def list_price_versions(
    app: TheApp, limit: Limit = 50, cursor: Cursor = None
) -> Page[PriceVersion]:
    """List the published versions by name; those that come with the package are below them."""
    await app.tenancy.refresh()
    return page_of(
        sorted(app.tenancy.directory.price_versions, key=lambda record: record.key),
        lambda record: (record.key,),
        PriceVersion.of,
        listed="prices",
        cursor=cursor,
        limit=limit,
    )


@router.get("/prices/{version}")
async def show_price_version(app: TheApp, version: Version) -> dict[str, Any]:
    """Show a published version whole, as it was published."""
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
) -> PricesPublished:
    """Put a version of prices in force for every process. The same again changes nothing."""
    if content.get("version") != version:
        fault = {"field": "version", "message": "is not the version of the address"}
        raise Problem(422, "version: is not the version of the address", errors=[fault])
    body = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
    done = await change(
        app,
        caller,
        Change("prices.publish", f"prices/{version}", {"supersede": supersede}),
        lambda: None,
        lambda: app.publish_prices.publish("prices", body, supersede=supersede),
    )
    return PricesPublished(
        version=done.version, changes=[PriceChange.of(one) for one in done.changes]
    )
