"""Who asks: the ways in which a request can prove it, tried one after the other."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request

from metering.api.parameters import app_of
from metering.core.access import Identity, NotSignedIn

_BEARER: Final = "bearer "
_PRINCIPAL: Final = "x-ms-client-principal"

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


#: In this order; the session of a browser has its place at the end.
WAYS: Final[list[Way]] = [by_bearer_token, by_app_service]


async def identify(request: Request) -> Identity:
    """Return who asks; NotSignedIn where nothing proves it."""
    for way in WAYS:
        found = await way(request)
        if found is not None:
            return found
    raise NotSignedIn("send a bearer token")
