"""Pages: all tenants for operators, and one tenant."""

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from metering.api.dashboard.rendering import assets, page
from metering.api.guard import limited_identity
from metering.api.parameters import TheApp, app_of, names_tenant
from metering.api.problems import not_found
from metering.api.routers import for_browsers
from metering.core.tenancy.access import Action, Caller, NotSignedIn, may

router = for_browsers()


@router.get("/")
async def root() -> Response:
    """Redirect to the dashboard."""
    return RedirectResponse("/dashboard", 307)


@router.get("/dashboard")
async def dashboard(request: Request, app: TheApp) -> Response:
    """Show the page of the signed-in caller, or redirect to sign-in."""
    caller = await _caller(request)
    if caller is None:
        return RedirectResponse("/signin", 303)
    if may(caller, Action.OPERATE):
        return page("operator", {**_about(request, caller), "here": "operator"})
    if caller.tenant is None:
        return page("no_tenant", _about(request, caller))
    await app.tenancy.refresh_if_due()
    return _tenant_page(request, caller, caller.tenant, "/api/me", "/dashboard/requests")


@router.get("/dashboard/tenants/{tenant}", dependencies=[Depends(names_tenant)])
async def of_tenant(request: Request, tenant: str) -> Response:
    """Show an operator the page of a tenant."""
    caller = await _operator(request, tenant)
    if isinstance(caller, Response):
        return caller
    requests = f"/dashboard/tenants/{tenant}/requests"
    return _tenant_page(request, caller, tenant, f"/api/tenants/{tenant}", requests)


@router.get("/dashboard/requests")
async def requests(request: Request) -> Response:
    """Show the requests of the caller's own tenant."""
    caller = await _caller(request)
    if caller is None:
        return RedirectResponse("/signin", 303)
    if caller.tenant is None:
        return page("not_found", _about(request, caller), 404)
    return _requests_page(request, caller, caller.tenant, "/api/me", "/dashboard")


@router.get("/dashboard/tenants/{tenant}/requests", dependencies=[Depends(names_tenant)])
async def requests_of_tenant(request: Request, tenant: str) -> Response:
    """Show an operator the requests of a tenant."""
    caller = await _operator(request, tenant)
    if isinstance(caller, Response):
        return caller
    home = f"/dashboard/tenants/{tenant}"
    return _requests_page(request, caller, tenant, f"/api/tenants/{tenant}", home)


@router.get("/dashboard/audit")
async def audit(request: Request) -> Response:
    """Show an operator the changes of a day."""
    return await _for_operators(request, "audit")


@router.get("/dashboard/costs")
async def costs(request: Request) -> Response:
    """Show an operator what all tenants are charged and what the company pays."""
    return await _for_operators(request, "costs")


@router.get("/dashboard/plans")
async def plans(request: Request) -> Response:
    """Show an operator the plans: what is in force and what is scheduled."""
    return await _for_operators(request, "plans")


@router.get("/dashboard/prices")
async def prices(request: Request) -> Response:
    """Show an operator the prices: in force, scheduled, their sources and ages."""
    return await _for_operators(request, "prices")


@router.get("/dashboard/assets/{name}")
async def asset(request: Request, name: str) -> Response:
    """Serve a file of the dashboard."""
    found = assets().get(name)
    if found is None:
        raise not_found()
    headers = {"ETag": found.tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, headers=headers, media_type=found.media_type)


async def _for_operators(request: Request, template: str) -> Response:
    caller = await _operator(request)
    if isinstance(caller, Response):
        return caller
    return page(template, {**_about(request, caller), "here": template})


async def _operator(request: Request, tenant: str | None = None) -> Caller | Response:
    """Return an operator who asks, about a tenant that exists; else the answer to anybody else."""
    caller = await _caller(request)
    if caller is None:
        return RedirectResponse("/signin", 303)
    if not may(caller, Action.OPERATE):
        return page("not_found", _about(request, caller), 404)
    if tenant is not None and not await app_of(request).read.knows(tenant):
        return page("not_found", _about(request, caller), 404)
    return caller


def _tenant_page(
    request: Request, caller: Caller, tenant: str, api: str, requests: str
) -> Response:
    """Return the page of a tenant; `requests` is that with the requests behind each figure."""
    about = {"tenant": tenant, "api": api, "requests": requests}
    return page("tenant", {**_about(request, caller), **about})


def _requests_page(request: Request, caller: Caller, tenant: str, api: str, home: str) -> Response:
    about = {"tenant": tenant, "api": api, "home": home}
    return page("requests", {**_about(request, caller), **about})


def _about(request: Request, caller: Caller) -> dict[str, object]:
    return {
        "subject": caller.subject,
        "is_operator": may(caller, Action.OPERATE),
        "signs_out_at": "/signout" if app_of(request).sign_in.browser == "sessions" else None,
    }


async def _caller(request: Request) -> Caller | None:
    try:
        return await app_of(request).callers.caller(await limited_identity(request))
    except NotSignedIn:
        return None
