"""Serves an ASGI application on loopback, in the event loop of the caller."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import IPPROTO_TCP, TCP_NODELAY, create_server, socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from metering.core.basics.errors import ConfigurationError

HOST: Final = "127.0.0.1"
#: Open requests get this long to end when serving stops.
_PATIENCE_S: Final = 1


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket) -> AsyncIterator[str]:
    """Serve on a socket and yield its URL. At the end, requests in progress get a second.

    This is `uvicorn.Server` without its signal handlers and pauses: the local system has its own.
    """
    config, state = _config(app), ServerState()
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: H11Protocol(config, state, {}), sock=listener)
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            _, late = await asyncio.wait(state.tasks, timeout=_PATIENCE_S)
            for request in late:
                request.cancel()
            # Cancelled requests still have to log.
            await asyncio.gather(*late, return_exceptions=True)
        for connection in list(state.connections):
            if isinstance(connection, H11Protocol):
                connection.transport.abort()


def listener_on(port: int | None, usual: int) -> socket:
    """Return a socket on loopback. 0 picks a free port, None the usual port if it is free.

    Raises ConfigurationError if the port is in use.
    """
    try:
        return _listener(usual if port is None else port)
    except OSError as error:
        if port is None:
            return _listener(0)
        raise ConfigurationError(f"--port {port}: cannot listen on it: {error}") from None


def _listener(port: int) -> socket:
    listener = create_server((HOST, port))
    # Connections take it over from the socket. asyncio sets it only where the socket names TCP,
    # and this one does not. Without, the body of an answer waits until the client has
    # acknowledged the head of it, which clients like to put off for 40 ms.
    listener.setsockopt(IPPROTO_TCP, TCP_NODELAY, True)
    return listener


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
