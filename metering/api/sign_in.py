"""Authentication: the ways in which a request can prove an identity, tried in order."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request

from metering.api.parameters import app_of
from metering.core.tenancy.access import Identity, NotSignedIn

_BEARER: Final = "bearer "
_PRINCIPAL: Final = "x-ms-client-principal"
#: No `__Host-` prefix, which requires HTTPS: sessions exist only on loopback.
SESSION_COOKIE: Final = "metering_session"

type Way = Callable[[Request], Awaitable[Identity | None]]
"""Returns the identity, or None if the request has no credentials of this kind. Raises NotSignedIn
if the credentials are invalid."""


async def by_bearer_token(request: Request) -> Identity | None:
    """Return the identity of a bearer token signed by the issuer."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    if not header.lower().startswith(_BEARER):
        raise NotSignedIn("send a bearer token")
    return await app_of(request).tokens.verify(header[len(_BEARER) :].strip())


async def by_app_service(request: Request) -> Identity | None:
    """Return the identity from App Service authentication, if that is on."""
    return app_of(request).sign_in.principal(request.headers.get(_PRINCIPAL))


async def by_session(request: Request) -> Identity | None:
    """Return the identity of a browser session."""
    sign_in = app_of(request).sign_in
    session = request.cookies.get(SESSION_COOKIE)
    if session is None or sign_in.browser != "sessions":
        return None
    found = sign_in.sessions.identity(session)
    if found is None:
        raise NotSignedIn("the session has ended")
    return found


#: Credentials that a program sends explicitly come before those that a browser sends by itself.
WAYS: Final[list[Way]] = [by_bearer_token, by_app_service, by_session]


async def identify(request: Request) -> Identity:
    """Return the identity of the caller. Raises NotSignedIn without valid credentials."""
    for way in WAYS:
        found = await way(request)
        if found is not None:
            return found
    raise NotSignedIn("send a bearer token")
