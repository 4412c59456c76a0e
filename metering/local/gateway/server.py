"""Serves the gateway on loopback, in the event loop of the local system."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import create_server, socket
from typing import Final, NamedTuple

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from metering.core.errors import ConfigurationError
from metering.local.gateway.admission import Admission, admit_all
from metering.local.gateway.application import application
from metering.local.gateway.gate import Gate, Pace
from metering.local.gateway.journal import Journal
from metering.local.gateway.log_pipe import LogPipe
from metering.local.system import LocalSystem

_HOST: Final = "127.0.0.1"
#: Where it listens unless another port is asked for or this one is taken.
USUAL_PORT: Final = 8_484
#: Open streams get this long to end when the gateway stops.
_PATIENCE_S: Final = 1


class RunningGateway(NamedTuple):
    """A gateway that listens at `url`; `pipe.flush()` sends its log records before their time."""

    url: str
    pipe: LogPipe


@asynccontextmanager
async def local_gateway(
    system: LocalSystem,
    listener: socket,
    *,
    admission: Admission = admit_all,
    pace: Pace | None = None,
) -> AsyncIterator[RunningGateway]:
    """Serve a gateway for a local system while the context is open; then send its last logs."""
    pace = pace or Pace()
    pipe = LogPipe(system.hub, pace.log_delay_s)
    gate = Gate(_knows(system), admission, pace)
    app = application(gate, Journal(system.hub, pipe), system.app.clock)
    url = f"http://{_HOST}:{listener.getsockname()[1]}"
    sending = asyncio.create_task(pipe.run())
    try:
        async with _serving(app, listener):
            yield RunningGateway(url, pipe)
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        pipe.flush()


@asynccontextmanager
async def _serving(app: Starlette, listener: socket) -> AsyncIterator[None]:
    """Answer on a socket; at the end what is under way gets a moment, then it is cut off.

    This is `uvicorn.Server` without its signal handlers and pauses: the local system has its own.
    """
    config, state = _config(app), ServerState()
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: H11Protocol(config, state, {}), sock=listener)
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            _, late = await asyncio.wait(state.tasks, timeout=_PATIENCE_S)
            for request in late:
                request.cancel()
            # Those that are cut off still have to leave their logs.
            await asyncio.gather(*late, return_exceptions=True)
        for connection in list(state.connections):
            if isinstance(connection, H11Protocol):
                connection.transport.abort()


def _knows(system: LocalSystem) -> Callable[[str], Awaitable[bool]]:
    tenancy = system.app.tenancy

    async def knows(subject: str) -> bool:
        if not tenancy.directory.knows(subject):
            # It may have been mapped since, by another process.
            await tenancy.refresh()
        return tenancy.directory.knows(subject)

    return knows


def listener_on(port: int | None) -> socket:
    """Return a socket on loopback; 0 takes any free port, None the usual one if it is free.

    Raises ConfigurationError for a port that is taken.
    """
    try:
        return create_server((_HOST, USUAL_PORT if port is None else port))
    except OSError as error:
        if port is None:
            return create_server((_HOST, 0))
        raise ConfigurationError(f"--port {port}: cannot be listened on: {error}") from None


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
