"""Serves the gateway on loopback, in the event loop of the local system."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import socket
from typing import Final, NamedTuple

from metering.core.tenancy.naming import Naming
from metering.local import loopback
from metering.local.gateway.admission import Admission, admit_all
from metering.local.gateway.application import application
from metering.local.gateway.gate import Gate, Pace
from metering.local.gateway.journal import Journal
from metering.local.gateway.log_pipe import LogPipe
from metering.local.gateway.message_threads import MessageThreads
from metering.local.gateway.rate import Rate
from metering.local.gateway.stored_responses import StoredResponses
from metering.local.system import LocalSystem

#: Where it listens unless another port is asked for or this one is taken.
USUAL_PORT: Final = 8_484


class RunningGateway(NamedTuple):
    """A gateway that listens at `url`. `pipe.flush()` sends its log records at once."""

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
    journal = Journal(system.hub, pipe)
    stored = StoredResponses(journal)
    inputs = (_knows(system), Rate(), stored, MessageThreads(), admission, pace)
    gate = Gate(*inputs, targets=_targets(system))
    app = application(gate, journal, system.app.clock)
    sending = asyncio.create_task(pipe.run())
    try:
        async with loopback.serving(app, listener) as url:
            yield RunningGateway(url, pipe)
    finally:
        await stored.stop()
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        pipe.flush()


def _knows(system: LocalSystem) -> Callable[[str], Awaitable[bool]]:
    tenancy = system.app.tenancy

    async def knows(subject: str) -> bool:
        if not tenancy.directory.knows(subject):
            # It may have been mapped since, by another process.
            await tenancy.refresh_if_due()
        return tenancy.directory.knows(subject)

    return knows


def _targets(system: LocalSystem) -> Callable[[str], Awaitable[list[str]]]:
    tenancy, clock = system.app.tenancy, system.app.clock

    async def targets(name: str) -> list[str]:
        await tenancy.refresh_if_due()
        now = clock.now()
        alias = tenancy.directory.aliases.at(name, now).alias
        naming = Naming(tenancy.directory, tenancy.prices)
        goals = [] if alias is None else [naming.target(one, now) for one in alias.targets]
        return [one for goal in goals for one in (goal.target, goal.model)]

    return targets


def listener_on(port: int | None) -> socket:
    """Return a socket for a gateway: see loopback.listener_on."""
    return loopback.listener_on(port, USUAL_PORT)
