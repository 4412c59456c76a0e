"""Adjustments: what an operator adds to a statement, or takes off it, with a reason."""

from fastapi import Depends, Response

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.idempotency import IdempotencyKey, required
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller, names_tenant
from metering.api.routers import for_operators
from metering.api.routes.balance import must_know, period_named
from metering.api.shapes.periods import AdjustmentShown, NewAdjustment
from metering.core.credit.adjustment import MadeAdjustment
from metering.core.tenancy.adjustment_records import AdjustmentOffer

router = for_operators("adjustments")


@router.get("/tenants/{tenant}/adjustments", dependencies=[Depends(names_tenant)])
async def list_adjustments(
    app: TheApp, tenant: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[AdjustmentShown]:
    """List what was put on a tenant's statements, and what will be on the next one."""
    await must_know(app, tenant)
    return page_of(
        sorted(app.tenancy.directory.adjustments(tenant), key=lambda one: one.adjustment.id),
        lambda one: (one.adjustment.id,),
        AdjustmentShown.of,
        listed=f"adjustments {tenant}",
        cursor=cursor,
        limit=limit,
    )


@router.post("/tenants/{tenant}/adjustments", status_code=201, dependencies=[Depends(names_tenant)])
async def adjust(
    app: TheApp,
    caller: TheCaller,
    tenant: str,
    wish: NewAdjustment,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> AdjustmentShown:
    """Put an amount on the statement of the present period; never edited afterwards."""
    name = required(idempotency_key)
    await must_know(app, tenant)
    about = None if wish.about is None else (await period_named(app, tenant, wish.about)).name
    offer = AdjustmentOffer(tenant, wish.amount, wish.reason, caller.subject, about, name)
    asked = Change("adjustment.add", f"adjustment/{tenant}/{name}", wish.model_dump())
    _, is_news = await change(
        app,
        caller,
        asked,
        lambda: _state(app, tenant, name),
        lambda: app.tenancy.adjust(offer),
    )
    response.status_code = 201 if is_news else 200
    made = _made(app, tenant, name)
    assert made is not None
    return AdjustmentShown.of(made)


def _made(app: bootstrap.App, tenant: str, name: str) -> MadeAdjustment | None:
    every = app.tenancy.directory.adjustments(tenant)
    return next((one for one in every if one.adjustment.id == name), None)


def _state(app: bootstrap.App, tenant: str, name: str) -> dict[str, object] | None:
    found = _made(app, tenant, name)
    return None if found is None else found.adjustment.model_dump(mode="json")
