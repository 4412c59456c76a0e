"""The guard before every route: who asks, how often, and whether that caller may.

It stands before the body is read. So what is wrong with a request is told only to those who may
make it, and a tenant's question about another is answered without looking whether there is one.
"""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from metering.api.parameters import app_of
from metering.api.problems import Problem, not_found
from metering.api.sign_in import identify
from metering.core.tenancy.access import Action, Caller, NotSignedIn, Role, may

SUBSCRIPTION_HEADER: Final = "x-metering-subscription"
#: A page of another origin cannot send it without asking first, and is never allowed.
INTENT_HEADER: Final = "x-metering-intent"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Whose requests share a bucket while they have not said who they are.
_UNKNOWN: Final = "unknown"

type Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route that is for one action. Routes without a guard do not exist: see the tests."""

    action: ClassVar[Action | None] = None
    """None: for everybody, signed in or not."""
    is_own: ClassVar[bool] = False
    """Whether it is about the caller's own tenant, not one that the path names."""

    def get_route_handler(self) -> Handler:
        """Return the handler of the route, behind the guard."""
        handle = super().get_route_handler()
        action, is_own = self.action, self.is_own

        async def guarded(request: Request) -> Response:
            if action is not None:
                caller = await _signed_in(request)
                request.state.caller = caller
                request.state.tenant = await _tenant(request, caller, action, is_own=is_own)
            return await handle(request)

        return guarded


class PublicRoute(GuardedRoute):
    """For everybody: it tells nothing of anybody."""


class OperatorRoute(GuardedRoute):
    """For operators."""

    action = Action.OPERATE


class AdmissionRoute(GuardedRoute):
    """For the gateway, which asks whether requests may go on."""

    action = Action.ASK_ADMISSION


class ReportRoute(GuardedRoute):
    """For whoever reports events."""

    action = Action.REPORT


class TenantRoute(GuardedRoute):
    """About the tenant that the path names."""

    action = Action.READ_TENANT


class OwnRoute(GuardedRoute):
    """About the tenant of the caller, or of the subscription that the gateway names."""

    action = Action.READ_TENANT
    is_own = True


async def _signed_in(request: Request) -> Caller:
    limits = request.app.state.rate_limits
    try:
        identity = await identify(request)
    except NotSignedIn:
        limits.take(_UNKNOWN)
        raise
    if identity.is_ambient and request.method not in _SAFE:
        _must_be_meant(request)
    caller = await app_of(request).callers.caller(identity)
    # The gateway speaks for many: one of them must not use up what all have.
    about = _subscription(request, caller) or request.path_params.get("subscription", "")
    limits.take(f"{caller.subject} {about}")
    return caller


def _must_be_meant(request: Request) -> None:
    """Refuse a change that another site's page may have made a browser ask for."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if INTENT_HEADER not in request.headers or site != "same-origin":
        raise Problem(403, f"Changes from a browser carry the header {INTENT_HEADER}.")


def _subscription(request: Request, caller: Caller) -> str | None:
    """Return the subscription that the gateway names; of anybody else the header is nothing."""
    if Role.GATEWAY not in caller.roles:
        return None
    return request.headers.get(SUBSCRIPTION_HEADER)


async def _tenant(request: Request, caller: Caller, action: Action, *, is_own: bool) -> str | None:
    """Return the tenant that a request is about; raise the problem of a caller that may not."""
    if action is not Action.READ_TENANT:
        if not may(caller, action):
            raise Problem(403, f"{caller.subject} may not {action}.")
        return None
    if is_own:
        return await _own_tenant(request, caller)
    tenant = request.path_params["tenant"]
    if not may(caller, action, tenant):
        raise not_found()
    return str(tenant)


async def _own_tenant(request: Request, caller: Caller) -> str:
    subscription = _subscription(request, caller)
    if subscription is not None:
        tenant = await app_of(request).callers.tenant_of_subscription(subscription)
        if tenant is None:
            raise not_found()
        return tenant
    if caller.tenant is None:
        wanted = f"; name the subscription in {SUBSCRIPTION_HEADER}"
        hint = wanted if Role.GATEWAY in caller.roles else ""
        raise Problem(403, f"{caller.subject} belongs to no tenant{hint}.")
    return caller.tenant
