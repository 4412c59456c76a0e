"""The HTTP part on one machine: the application that the function app serves, on loopback."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from socket import socket
from typing import Final

from metering import bootstrap
from metering.core.tenancy.access import Identity, Role
from metering.local import loopback

#: That of the Functions host on a developer's machine.
USUAL_PORT: Final = 7_071


@asynccontextmanager
async def local_api(app: bootstrap.App, listener: socket) -> AsyncIterator[str]:
    """Serve the HTTP part of an app while the context is open, and return its address.

    Tokens of the development issuer are taken, unless another one is set.
    """
    # FastAPI takes a third of a second to import: only those who serve HTTP wait for it.
    from metering.api import create_api  # noqa: PLC0415

    app.sign_in.listens_on_loopback()
    async with loopback.serving(create_api(app), listener) as url:
        yield url


def sign_in_links(app: bootstrap.App, url: str) -> Mapping[str, str]:
    """Return links that sign a browser in once: as an operator, and as the first tenant.

    There are none where another issuer is set: then nobody else vouches for people.
    """
    if app.sign_in.browser != "sessions":
        return {}
    people = [Identity("development:operator", frozenset({Role.OPERATOR}))]
    people += [
        Identity(f"development:{tenant}", tenant=tenant)
        for tenant in app.tenancy.directory.tenants()[:1]
    ]
    sessions = app.sign_in.sessions
    return {
        person.tenant or "operator": f"{url}/signin?code={sessions.code_for(person)}"
        for person in people
    }


def listener_on(port: int | None) -> socket:
    """Return a socket for the HTTP part: see loopback.listener_on."""
    return loopback.listener_on(port, USUAL_PORT)
