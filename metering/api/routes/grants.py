"""Grants: prepaid credit that is used before anything is owed."""

from typing import Annotated

from fastapi import Depends, Path, Response

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.idempotency import IdempotencyKey, repeated, required
from metering.api.instants import instant_in
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller, TheTenant, must_know, names_tenant
from metering.api.problems import not_found
from metering.api.routers import about_tenants, for_operators
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.credit.grant import Grant, Revocation
from metering.core.tenancy.grant_records import GrantOffer
from metering.documents.credit import GrantDocument, GrantRequest, RevocationRequest

routers = about_tenants("grants")
router = for_operators("grants")

GrantId = Annotated[str, Path(pattern=IDENTIFIER_SCHEMA, description="The id of the grant.")]


@routers.own.get("/grants")
@routers.named.get("/grants")
async def grants(
    app: TheApp, tenant: TheTenant, *, limit: Limit = 50, cursor: Cursor = None
) -> Page[GrantDocument]:
    """List a tenant's grants with their remaining credit."""
    found = await app.credits.forecast(tenant)
    standing = {one.grant.id: one for one in found.grants}
    every = sorted(app.tenancy.directory.grants(tenant), key=lambda grant: grant.id)
    return page_of(
        every,
        lambda grant: (grant.id,),
        lambda grant: GrantDocument.of(grant, standing.get(grant.id)),
        listed=f"grants {tenant}",
        cursor=cursor,
        limit=limit,
    )


@router.post(
    "/tenants/{tenant}/grants",
    status_code=201,
    responses=repeated(GrantDocument),
    dependencies=[Depends(must_know)],
)
async def add_grant(
    app: TheApp,
    caller: TheCaller,
    tenant: str,
    body: GrantRequest,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> GrantDocument:
    """Add a grant. The same request again returns 200 with the existing grant."""
    name = required(idempotency_key)
    offer = GrantOffer(
        tenant=tenant,
        amount=body.amount,
        expiry=instant_in(body.expiry, "expiry"),
        id=name,
        start=instant_in(body.start, "start"),
        currency=body.currency,
        priority=body.priority,
        channel=body.channel,
        reason=body.reason,
        author=caller.subject,
    )
    asked = Change("grant.add", f"grant/{tenant}/{name}", body.model_dump())
    grant, is_news = await change(
        app,
        caller,
        asked,
        lambda: _state(app, tenant, name),
        lambda: app.tenancy.add_grant(offer),
    )
    response.status_code = 201 if is_news else 200
    return GrantDocument.of(grant)


@router.post("/tenants/{tenant}/grants/{grant_id}/revocation", dependencies=[Depends(names_tenant)])
async def revoke_grant(
    app: TheApp, caller: TheCaller, tenant: str, grant_id: GrantId, body: RevocationRequest
) -> GrantDocument:
    """Revoke a grant, effective in five minutes. Usage that it paid for stays paid."""
    await app.tenancy.refresh()
    if _grant(app, tenant, grant_id) is None:
        raise not_found()
    revocation = Revocation(id=grant_id, reason=body.reason, author=caller.subject)
    asked = Change("grant.revoke", f"grant/{tenant}/{grant_id}", body.model_dump())
    revoked = await change(
        app,
        caller,
        asked,
        lambda: _state(app, tenant, grant_id),
        lambda: app.tenancy.revoke_grant(tenant, revocation),
    )
    return GrantDocument.of(revoked)


def _grant(app: bootstrap.App, tenant: str, grant_id: str) -> Grant | None:
    every = app.tenancy.directory.grants(tenant)
    return next((grant for grant in every if grant.id == grant_id), None)


def _state(app: bootstrap.App, tenant: str, grant_id: str) -> dict[str, object] | None:
    found = _grant(app, tenant, grant_id)
    return None if found is None else found.model_dump(mode="json", exclude_none=True)
