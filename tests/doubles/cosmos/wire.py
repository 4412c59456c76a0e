"""ASGI between HTTP and the gateway, with connections that can be cut without an answer."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from email.utils import formatdate
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.doubles.cosmos.data.documents import write_json
from tests.doubles.cosmos.exchange import Answer, Request
from tests.doubles.cosmos.faults import Fault
from tests.doubles.cosmos.gateway import Gateway

type _Message = MutableMapping[str, Any]
type _Receive = Callable[[], Awaitable[Any]]
type _Send = Callable[[Any], Awaitable[None]]

_WITHOUT_BODY = frozenset({204, 304})


class Connection(H11Protocol):
    """A connection that the application can cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Pass the application a function that closes without an answer."""
        super().connection_made(transport)
        self.app_state = {"cut": transport.abort}


class Application:
    """The ASGI application."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request, or cut its connection."""
        request = await _read(scope, receive)
        answer, fault = self._gateway.answer(request)
        if fault is not None and fault.what == "succeed_then_time_out":
            await _wait_for_client(receive, fault)
            await _cut(scope, receive)
        elif fault is not None and fault.what == "drop_connection":
            await _cut(scope, receive)
        else:
            await _write(answer, send)


async def _read(scope: _Message, receive: _Receive) -> Request:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(scope["method"], scope["path"], headers, bytes(body))


async def _write(answer: Answer, send: _Send) -> None:
    empty = answer.status in _WITHOUT_BODY or answer.body is None
    body = b"" if empty else write_json(answer.body)
    headers = {
        "content-type": "application/json",
        "date": formatdate(usegmt=True),
        **answer.headers,
    }
    if answer.status not in _WITHOUT_BODY:
        headers["content-length"] = str(len(body))
    raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _disconnected(receive: _Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait_for_client(receive: _Receive, fault: Fault) -> None:
    """Hold the connection until the client gives up or the time of the fault is over."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_disconnected(receive), fault.hold_s)


async def _cut(scope: _Message, receive: _Receive) -> None:
    scope["state"]["cut"]()
    await _disconnected(receive)
