"""The double as tests use it: a server on a free port of loopback, in its own thread."""

import asyncio
import base64
from collections.abc import Callable
from threading import Event
from typing import Any, Self

import uvicorn
from uvicorn.server import ServerState

from tests.doubles.cosmos.clock import StandingClock
from tests.doubles.cosmos.data.account import Account
from tests.doubles.cosmos.data.charges import Charges
from tests.doubles.cosmos.data.partitions import PhysicalPartitions
from tests.doubles.cosmos.exchange import RequestInfo
from tests.doubles.cosmos.faults import Faults
from tests.doubles.cosmos.gateway import Gateway
from tests.doubles.cosmos.wire import Application, Connection
from tests.doubles.serving import ServerThread

_KEY = base64.b64encode(b"the key of the Cosmos DB double for tests, not a secret").decode()
_START_TIMEOUT_S = 10
_KEEP_ALIVE_S = 3600


class CosmosPeer(ServerThread):
    """A Cosmos DB account for tests: in memory, on loopback, while a block lasts.

    `peer.clock` sets its time (`_ts`, time to live) and stands still until a test moves it;
    `clock` replaces it, in seconds since the epoch. With several `physical_partitions` clients
    must join the answers of queries without a partition key.
    """

    def __init__(
        self, clock: Callable[[], int] | None = None, *, physical_partitions: int = 2
    ) -> None:
        super().__init__("cosmos-peer")
        self.key = _KEY
        self.token = "token-of-the-cosmos-peer"
        self.clock = StandingClock()
        ranges = PhysicalPartitions(physical_partitions)
        self._gateway = Gateway(Account(clock or self.clock, ranges), self.key, self.token)
        self._ready = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Return the endpoint to give to a client."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def faults(self) -> Faults:
        """Return the pending faults."""
        return self._gateway.faults

    @property
    def charges(self) -> Charges:
        """Return the charges of the requests."""
        return self._gateway.charges

    @property
    def requests(self) -> list[RequestInfo]:
        """Return all requests in the order of arrival."""
        return self._gateway.requests

    def documents(self, database: str, container: str) -> list[dict[str, Any]]:
        """Return the live items of a container, without a request or a charge."""
        found = self._gateway.account.databases[database].containers[container]
        return [item.document for key in list(found.partitions) for item in found.live(key)]

    def clear(self) -> None:
        """Remove all databases, faults, charges and requests; keep the clock."""
        account = self._gateway.account
        account.databases.clear()
        self.faults.clear()
        self.charges.reset()
        self.requests.clear()

    def __enter__(self) -> Self:
        """Start listening."""
        super().__enter__()
        if not self._ready.wait(_START_TIMEOUT_S):
            raise RuntimeError("the Cosmos DB double did not start")
        return self

    def _serve(self) -> None:
        asyncio.run(self._listen())

    def _stop(self) -> None:
        assert self._loop is not None
        assert self._stopped is not None
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _listen(self) -> None:
        """Serve until stopped, then cut all connections."""
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        config = uvicorn.Config(
            Application(self._gateway),
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        config.load()
        state = ServerState()
        server = await self._loop.create_server(
            lambda: Connection(config, state, {}), "127.0.0.1", 0
        )
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks)
