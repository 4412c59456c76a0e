"""Temporary increases of a tenant's limits."""

from typing import Annotated

from fastapi import Depends, Path

from metering.api.auditing import Change, change
from metering.api.instants import instant_in
from metering.api.parameters import TheApp, TheCaller, must_know
from metering.api.routers import for_operators
from metering.core.tenancy.increases import IncreaseOffer
from metering.documents.quotas.increases import IncreaseDocument, IncreaseRequest

router = for_operators("quotas")

Quota = Annotated[str, Path(min_length=1, max_length=16, description="The id of a quota.")]


@router.get("/tenants/{tenant}/increases", dependencies=[Depends(must_know)])
async def list_increases(app: TheApp, tenant: str) -> list[IncreaseDocument]:
    """List the increases that hold now."""
    now, directory = app.clock.now(), app.tenancy.directory
    plan, _, _ = directory.plan_of(tenant, now)
    return [IncreaseDocument.of(tenant, one) for one in directory.increases.of(tenant, plan, now)]


@router.post(
    "/tenants/{tenant}/quotas/{quota}/increases",
    status_code=201,
    dependencies=[Depends(must_know)],
)
async def raise_quota(
    app: TheApp, caller: TheCaller, tenant: str, quota: Quota, body: IncreaseRequest
) -> IncreaseDocument:
    """Raise the limit of a quota until a time, at which it ends by itself."""
    until = instant_in(body.until, "until")
    assert until is not None
    offer = IncreaseOffer(
        tenant, quota, body.limit, until, body.reason, caller.subject, body.values
    )
    asked = Change("quota.raise", f"quota/{tenant}/{quota}", IncreaseDocument.wanted(offer))
    made = await change(app, caller, asked, lambda: None, lambda: app.tenancy.raise_quota(offer))
    return IncreaseDocument.of(tenant, made)
