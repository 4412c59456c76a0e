"""Parameters of routes: the use cases, the tenant and the caller."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import Depends, Header, Path, Query, Request

from metering import bootstrap
from metering.api.problems import not_found
from metering.app.reports.breakdowns import Spend
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.tenancy.access import Caller

#: Length of a subscription's or an app's name in events.
_MAX_SUBJECT: Final = 256


def app_of(request: Request) -> bootstrap.App:
    """Return the use cases of the application that serves a request."""
    found = request.app.state.metering
    assert isinstance(found, bootstrap.App)
    return found


# FastAPI runs a dependency that is not a coroutine function in a thread. Nothing here blocks.


async def _app(request: Request) -> bootstrap.App:
    return app_of(request)


async def _caller(request: Request) -> Caller:
    found = request.state.caller
    assert isinstance(found, Caller)
    return found


async def _tenant(request: Request) -> str:
    found = request.state.tenant
    assert isinstance(found, str)
    return found


async def names_subscription(
    x_metering_subscription: Annotated[
        str | None,
        Header(
            max_length=_MAX_SUBJECT,
            description="For the gateway only: the subscription on whose behalf it asks.",
        ),
    ] = None,
) -> None:
    """Declare the header that the guard of `/api/me` reads."""
    _ = x_metering_subscription


_TenantOfPath = Annotated[
    str,
    Path(pattern=IDENTIFIER_SCHEMA, description="A tenant's id.", examples=["acme"]),
]


async def names_tenant(tenant: _TenantOfPath) -> None:
    """Declare the path parameter that the guard of `/api/tenants/{tenant}` reads."""
    _ = tenant


TheApp = Annotated[bootstrap.App, Depends(_app)]


async def must_know(app: TheApp, tenant: _TenantOfPath) -> None:
    """Raise 404 for an unknown tenant."""
    if not await app.read.knows(tenant):
        raise not_found()


async def _budget(
    request: Request,
    caller: Annotated[Caller, Depends(_caller)],
    tenant: Annotated[str, Depends(_tenant)],
) -> AsyncIterator[Spend]:
    # By tenant too: the gateway acts for many.
    with request.app.state.work_budgets.opened(f"{caller.subject} {tenant}") as spend:
        yield spend


Budget = Annotated[Spend, Depends(_budget)]
"""Told of each piece of work. A caller whose budget of work is used up gets 429 before it."""
TheCaller = Annotated[Caller, Depends(_caller)]
TheTenant = Annotated[str, Depends(_tenant)]
"""The tenant that the guard has authorised for the caller."""
PeriodName = Annotated[
    str | None,
    Query(
        max_length=64,
        description="A period by name. Default: the current one.",
        examples=["2026-11"],
    ),
]
