"""Adjustments: amounts that an operator adds to a statement, with a reason."""

from fastapi import Depends, Response

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.idempotency import IdempotencyKey, repeated, required
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller, must_know
from metering.api.routers import for_operators
from metering.api.routes.balance import period_named
from metering.core.credit.adjustment import MadeAdjustment
from metering.core.tenancy.adjustment_records import AdjustmentOffer
from metering.documents.credit import AdjustmentDocument, AdjustmentRequest

router = for_operators("adjustments")


@router.get("/tenants/{tenant}/adjustments", dependencies=[Depends(must_know)])
async def list_adjustments(
    app: TheApp, tenant: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[AdjustmentDocument]:
    """List a tenant's adjustments, with those for the next statement."""
    return page_of(
        sorted(app.tenancy.directory.adjustments(tenant), key=lambda one: one.adjustment.id),
        lambda one: (one.adjustment.id,),
        AdjustmentDocument.of,
        listed=f"adjustments {tenant}",
        cursor=cursor,
        limit=limit,
    )


@router.post(
    "/tenants/{tenant}/adjustments",
    status_code=201,
    responses=repeated(AdjustmentDocument),
    dependencies=[Depends(must_know)],
)
async def adjust(
    app: TheApp,
    caller: TheCaller,
    tenant: str,
    body: AdjustmentRequest,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> AdjustmentDocument:
    """Add an amount to the statement of the current period. It cannot be edited afterwards."""
    name = required(idempotency_key)
    about = None if body.about is None else (await period_named(app, tenant, body.about)).name
    offer = AdjustmentOffer(tenant, body.amount, body.reason, caller.subject, about, name)
    asked = Change("adjustment.add", f"adjustment/{tenant}/{name}", body.model_dump())
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
    return AdjustmentDocument.of(made)


def _made(app: bootstrap.App, tenant: str, name: str) -> MadeAdjustment | None:
    every = app.tenancy.directory.adjustments(tenant)
    return next((one for one in every if one.adjustment.id == name), None)


def _state(app: bootstrap.App, tenant: str, name: str) -> dict[str, object] | None:
    found = _made(app, tenant, name)
    return None if found is None else found.adjustment.model_dump(mode="json")
