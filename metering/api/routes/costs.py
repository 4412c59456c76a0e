"""Costs and margins over all tenants, for operators only, and the discounts of the company."""

from typing import Annotated, Final

from fastapi import Query, Response

from metering.api.auditing import Change, change
from metering.api.instants import instant_in
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import refusals
from metering.api.routers import for_operators
from metering.core.basics.validation import validated
from metering.core.calendars.periods import Days
from metering.core.costs.query import BY, NAMES, cost_query, month_days
from metering.core.prices.discount import Discount
from metering.documents.costs import CostsDocument, DiscountDocument, DiscountRequest
from metering.documents.document import json_by_row

router = for_operators("costs")

_MAX_GROUPS: Final = 5_000
_By = Annotated[
    str,
    Query(
        max_length=128,
        description=f"Comma-separated: {', '.join(BY)}.",
        examples=["deployment,account", "week,model"],
    ),
]
_First = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=10,
        description="The first UTC day. Default: that of the month.",
        examples=["2026-11-01"],
    ),
]
_End = Annotated[
    str | None,
    Query(
        max_length=10,
        description="The UTC day after the last. Default: tomorrow.",
        examples=["2026-12-01"],
    ),
]
_Only = Annotated[
    list[str] | None,
    Query(
        max_length=len(NAMES),
        description="dimension=name; an empty name: usage that named none. Repeatable.",
        examples=[["account=eu-ai"]],
    ),
]
_Compare = Annotated[
    bool,
    Query(
        description="Add the time before: of whole months as many months, of the first days of a"
        " month the same days of the month before, else as many days."
    ),
]
_Limit = Annotated[
    int, Query(ge=1, le=_MAX_GROUPS, description="Groups; the others are one row, (other names).")
]


@router.get("/costs", response_model=CostsDocument)
async def costs(
    app: TheApp,
    *,
    by: _By = "deployment",
    first: _First = None,
    to: _End = None,
    only: _Only = None,
    compare: _Compare = False,
    limit: _Limit = 100,
) -> Response:
    """Return what tenants are charged and what the company pays, by dimensions, over all tenants.

    It reads heads and rollups of all ledgers, and answers from memory for a minute.
    """
    present = month_days(app.clock.now())
    days = Days(first or present.first, to or present.end)
    with refusals():
        names = tuple(name.strip() for name in by.split(","))
        query = cost_query(days, names, tuple(map(_pair, only or ())))
    report = await app.costs.of(query, limit, compares=compare)
    content = await app.executor.run(lambda: json_by_row(CostsDocument.of(report), "items"))
    return Response(content, media_type="application/json")


def _pair(text: str) -> tuple[str, str | None]:
    name, _, value = text.partition("=")
    return name, value or None


@router.get("/discounts")
async def list_discounts(app: TheApp) -> list[DiscountDocument]:
    """List the discounts that the company has agreed, and when each begins."""
    await app.tenancy.refresh()
    return [DiscountDocument.of(one) for one in app.tenancy.directory.discounts.listed()]


@router.post("/discounts")
async def set_discount(
    app: TheApp, caller: TheCaller, body: DiscountRequest
) -> list[DiscountDocument]:
    """Put a discount in force, and return all of them. Repeating it changes nothing."""
    given = body.model_dump(exclude_none=True)
    since = given.pop("since", None)
    start = None if since is None else instant_in(since, "since")
    with refusals():
        discount = validated(Discount, "discount", given)
        await change(
            app,
            caller,
            Change("discount.set", f"discount/{discount.key}", body.model_dump(exclude_none=True)),
            lambda: None,
            lambda: app.tenancy.set_discount(discount, start),
        )
    return await list_discounts(app)
