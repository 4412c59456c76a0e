"""The guard before every route: authentication, rate limits and authorisation, in this order.

It runs before the body is read, and limits a request before the store is read. Only authorised
callers learn what is wrong with a request, and a tenant that asks about another gets the same
response whether or not it exists.
"""

from collections.abc import Callable, Coroutine
from json import JSONDecodeError
from typing import Any, ClassVar, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from metering.api.parameters import app_of
from metering.api.problems import Problem, not_found
from metering.api.sign_in import identify
from metering.core.tenancy.access import Action, Caller, Identity, NotSignedIn, Role, may

SUBSCRIPTION_HEADER: Final = "x-metering-subscription"
#: A page of another origin cannot send it without a preflight, which is never allowed.
INTENT_HEADER: Final = "x-metering-intent"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Unauthenticated requests share one bucket.
UNKNOWN: Final = "unknown"

type Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route that requires one action. A test checks that every route is guarded."""

    action: ClassVar[Action | None] = None
    """None: no authentication."""
    is_own: ClassVar[bool] = False
    """Whether the route is about the caller's tenant instead of one named in the path."""

    def get_route_handler(self) -> Handler:
        """Return the handler of the route, behind the guard."""
        handle = super().get_route_handler()
        action, is_own = self.action, self.is_own

        async def guarded(request: Request) -> Response:
            if action is not None:
                caller = await _signed_in(request)
                request.state.caller = caller
                request.state.tenant = await _tenant(request, caller, action, is_own=is_own)
            return await handle(JsonRequest(request.scope, request.receive))

        return guarded


class JsonRequest(Request):
    """A request whose JSON body is read as RFC 8259 has it, with bounds.

    Python's own reader accepts half of a surrogate pair, which no store and no answer can hold,
    NaN, and nesting as deep as its stack.
    """

    async def json(self) -> Any:
        """Return the body. Raises JSONDecodeError for a text that is no JSON or too deep."""
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise JSONDecodeError(str(error), "", 0) from None


class PublicRoute(GuardedRoute):
    """A route without authentication that discloses no tenant data."""


class OperatorRoute(GuardedRoute):
    """A route for operators."""

    action = Action.OPERATE


class AdmissionRoute(GuardedRoute):
    """A route for the gateway's admission requests."""

    action = Action.ASK_ADMISSION


class ReportRoute(GuardedRoute):
    """A route for producers of events."""

    action = Action.REPORT


class TenantRoute(GuardedRoute):
    """A route about the tenant named in the path."""

    action = Action.READ_TENANT


class OwnRoute(GuardedRoute):
    """A route about the tenant of the caller, or of the subscription that the gateway names."""

    action = Action.READ_TENANT
    is_own = True


async def _signed_in(request: Request) -> Caller:
    identity = await limited_identity(request)
    if identity.is_ambient and request.method not in _SAFE:
        _must_be_intended(request)
    return await app_of(request).callers.caller(identity)


async def limited_identity(request: Request) -> Identity:
    """Return the verified identity of a request, counted against its limit.

    The store is not read before. Raises NotSignedIn without valid credentials, and the problem 429
    if the limit is exceeded.
    """
    limits = request.app.state.rate_limits
    try:
        identity = await identify(request)
    except NotSignedIn:
        limits.take(UNKNOWN)
        raise
    if Role.GATEWAY in identity.roles:
        named = request.headers.get(SUBSCRIPTION_HEADER)
        limits.take_for(identity.subject, named or request.path_params.get("subscription", ""))
    else:
        limits.take(identity.subject)
    return identity


def _must_be_intended(request: Request) -> None:
    """Reject a change that a page of another site may have triggered in a browser."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if INTENT_HEADER not in request.headers or site != "same-origin":
        raise Problem(403, f"Changes from a browser require the header {INTENT_HEADER}.")


def _subscription(request: Request, caller: Caller) -> str | None:
    """Return the subscription that the gateway names. The header of other callers is ignored."""
    if Role.GATEWAY not in caller.roles:
        return None
    return request.headers.get(SUBSCRIPTION_HEADER)


async def _tenant(request: Request, caller: Caller, action: Action, *, is_own: bool) -> str | None:
    """Return the tenant of a request; raise a problem if the caller is not authorised."""
    if action is not Action.READ_TENANT:
        if not may(caller, action):
            raise Problem(403, f"{caller.subject} is not authorised: {action}.")
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
        raise Problem(403, f"{caller.subject} has no tenant{hint}.")
    return caller.tenant
