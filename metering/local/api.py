"""The HTTP API on one machine: the application of the function app, on loopback."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from socket import socket
from typing import TYPE_CHECKING, Final

from metering import bootstrap
from metering.core.tenancy.access import Identity, Role
from metering.local import loopback

if TYPE_CHECKING:
    from metering.local.prometheus import Prometheus

#: That of the Functions host on a developer's machine.
USUAL_PORT: Final = 7_071


@asynccontextmanager
async def local_api(
    app: bootstrap.App, listener: socket, telemetry: "Prometheus | None" = None
) -> AsyncIterator[str]:
    """Serve the HTTP API of an app while the context is open, and yield its URL.

    Metrics of `telemetry` are served beside it, at /metrics.

    Tokens of the development issuer are accepted unless another issuer is configured.
    """
    # FastAPI takes a third of a second to import.
    from metering.api import create_api  # noqa: PLC0415
    from metering.api.problems import LOGGER  # noqa: PLC0415
    from metering.local.metrics import with_metrics  # noqa: PLC0415

    # Commands log nothing below CRITICAL; the reference in a response needs its log record.
    logging.getLogger(LOGGER).setLevel(logging.ERROR)
    app.sign_in.listens_on_loopback()
    async with loopback.serving(with_metrics(create_api(app), telemetry), listener) as url:
        yield url


def sign_in_links(app: bootstrap.App, url: str) -> Mapping[str, str]:
    """Return one-time sign-in links for an operator and for the first tenant.

    There are no links if another issuer is configured, since only it can sign people in.
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
    """Return a socket for the HTTP API: see loopback.listener_on."""
    return loopback.listener_on(port, USUAL_PORT)
