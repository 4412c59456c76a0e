"""Stops: operators block the requests of a tenant, or of one subscription, at once."""

from fastapi import Depends

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.parameters import TheApp, TheCaller, must_know
from metering.api.routers import for_operators
from metering.core.tenancy.access import Caller
from metering.core.tenancy.stops import Target
from metering.documents.tenancy import StopDocument, StopRequest, TenantDocument

router = for_operators("tenants")


@router.post("/tenants/{tenant}/stop", dependencies=[Depends(must_know)])
async def stop_tenant(
    app: TheApp, caller: TheCaller, tenant: str, body: StopRequest
) -> TenantDocument:
    """Block all requests of a tenant, or of one subscription, from now on. Safe to repeat."""
    return await _set(app, caller, tenant, body, is_stopped=True)


@router.post("/tenants/{tenant}/resume", dependencies=[Depends(must_know)])
async def resume_tenant(
    app: TheApp, caller: TheCaller, tenant: str, body: StopRequest
) -> TenantDocument:
    """Admit the requests of a tenant, or of one subscription, again. Safe to repeat."""
    return await _set(app, caller, tenant, body, is_stopped=False)


async def _set(
    app: bootstrap.App, caller: Caller, tenant: str, body: StopRequest, *, is_stopped: bool
) -> TenantDocument:
    await app.tenancy.refresh()
    directory, clock = app.tenancy.directory, app.clock

    def look() -> dict[str, object]:
        stops = StopDocument.all_of(directory, tenant, clock.now())
        return {"stopped": [one.model_dump(mode="json") for one in stops]}

    target = Target(tenant, body.subscription)
    await change(
        app,
        caller,
        Change(
            f"tenant.{'stop' if is_stopped else 'resume'}", f"tenant/{tenant}", body.model_dump()
        ),
        look,
        lambda: app.tenancy.set_stop(target, body.reason, is_stopped=is_stopped),
    )
    return TenantDocument.of(directory, tenant, clock.now())
