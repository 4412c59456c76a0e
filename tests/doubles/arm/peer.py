"""The double as tests use it: a server on a free port of loopback, in its own thread."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import uvicorn

from tests.doubles.arm.resources import (
    Answer,
    Fault,
    Resource,
    Resources,
    Seen,
    read_query,
    write_body,
)
from tests.doubles.serving import ServerThread

type _Message = MutableMapping[str, Any]
type _Receive = Callable[[], Awaitable[Any]]
type _Send = Callable[[Any], Awaitable[None]]


class ArmPeer(ServerThread):
    """Azure Resource Manager for tests: in memory, on loopback, while a block lasts."""

    def __init__(self) -> None:
        super().__init__("arm-peer")
        self._resources = Resources()
        config = uvicorn.Config(
            self._application,
            interface="asgi3",
            proxy_headers=False,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        # Requests that arrive before the server runs wait in the backlog of the socket.
        self._socket = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """Return the endpoint to give to a client."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def faults(self) -> list[Fault]:
        """Return the pending faults; a request meets the first that fits."""
        return self._resources.faults

    @property
    def requests(self) -> list[Seen]:
        """Return all requests in the order of arrival."""
        return self._resources.requests

    @property
    def page_size(self) -> int:
        """Return the number of resources in a page of a collection."""
        return self._resources.page_size

    @page_size.setter
    def page_size(self, size: int) -> None:
        self._resources.page_size = size

    def put(self, path: str, content: Resource) -> None:
        """Store a resource."""
        self._resources.put(path, content)

    def get(self, path: str) -> Resource | None:
        """Return the current state of a resource, or None."""
        return self._resources.get(path)

    def list_at(self, path: str, prefix: str) -> None:
        """Let GET of `path` list the resources below `prefix` of the type in `path`."""
        self._resources.list_at(path, prefix)

    def clear(self) -> None:
        """Remove resources, lists, faults and requests."""
        self._resources.clear()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])
        self._socket.close()

    def _stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True

    async def _application(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        answer = self._resources.answer(await _read(scope, receive), self.url)
        if answer.delay_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(_disconnected(receive), answer.delay_s)
        await _write(answer, send)


async def _read(scope: _Message, receive: _Receive) -> Seen:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    content = json.loads(body) if body else None
    return Seen(scope["method"], scope["path"], read_query(scope["query_string"]), headers, content)


async def _disconnected(receive: _Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(answer: Answer, send: _Send) -> None:
    body = write_body(answer)
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    raw = [
        (name.encode("ascii"), value.encode("latin-1"))
        for name, value in (headers | answer.headers).items()
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
