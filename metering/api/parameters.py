"""What routes get handed: the use cases, the tenant they are about, who asks."""

from typing import Annotated, Final

from fastapi import Depends, Header, Path, Query, Request

from metering import bootstrap
from metering.core.tenancy.access import Caller
from metering.core.tenancy.record import TENANT_ID

_TENANT: Final = f"^{TENANT_ID.pattern}$"
#: A subscription's or an app's name, as events have it.
_MAX_SUBJECT: Final = 256


def app_of(request: Request) -> bootstrap.App:
    """Return the use cases of the application that serves a request."""
    found = request.app.state.metering
    assert isinstance(found, bootstrap.App)
    return found


# FastAPI runs a dependency that is no coroutine function in a thread, and a request waits for that
# thread's turn: none here has anything to wait for.


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
            description="For the gateway alone: the subscription on whose behalf it asks.",
        ),
    ] = None,
) -> None:
    """Describe what the guard of `/api/me` reads."""
    _ = x_metering_subscription


async def names_tenant(
    tenant: Annotated[str, Path(pattern=_TENANT, description="A tenant's id.", examples=["acme"])],
) -> None:
    """Describe what the guard of `/api/tenants/{tenant}` reads."""
    _ = tenant


TheApp = Annotated[bootstrap.App, Depends(_app)]
TheCaller = Annotated[Caller, Depends(_caller)]
TheTenant = Annotated[str, Depends(_tenant)]
"""The tenant that the guard found the caller may ask about."""
PeriodName = Annotated[
    str | None,
    Query(
        max_length=64,
        description="A period by its name. Default: the present one.",
        examples=["2026-11"],
    ),
]
