"""Who asks: the ways in which a request can prove it, tried one after the other."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request

from metering.api.parameters import app_of
from metering.core.tenancy.access import Identity, NotSignedIn

_BEARER: Final = "bearer "
_PRINCIPAL: Final = "x-ms-client-principal"
#: Without a `__Host-` prefix: that needs HTTPS, and sessions are only ever begun on loopback.
SESSION_COOKIE: Final = "metering_session"

type Way = Callable[[Request], Awaitable[Identity | None]]
"""Returns who asks, None where a request does not come this way, and NotSignedIn where it does
and is not believed."""


async def by_bearer_token(request: Request) -> Identity | None:
    """Believe a bearer token that the issuer signed."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    if not header.lower().startswith(_BEARER):
        raise NotSignedIn("send a bearer token")
    return await app_of(request).tokens.verify(header[len(_BEARER) :].strip())


async def by_app_service(request: Request) -> Identity | None:
    """Believe App Service authentication where it is on."""
    return app_of(request).sign_in.principal(request.headers.get(_PRINCIPAL))


async def by_session(request: Request) -> Identity | None:
    """Believe the cookie of a browser that signed in here."""
    sign_in = app_of(request).sign_in
    session = request.cookies.get(SESSION_COOKIE)
    if session is None or sign_in.browser != "sessions":
        return None
    found = sign_in.sessions.identity(session)
    if found is None:
        raise NotSignedIn("the session has ended")
    return found


#: In this order: what a program sends on purpose comes before what a browser sends by itself.
WAYS: Final[list[Way]] = [by_bearer_token, by_app_service, by_session]


async def identify(request: Request) -> Identity:
    """Return who asks; NotSignedIn where nothing proves it."""
    for way in WAYS:
        found = await way(request)
        if found is not None:
            return found
    raise NotSignedIn("send a bearer token")
