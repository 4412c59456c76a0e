"""Around the application: the size of a request, headers of every answer, and bugs of ours."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metering.api.problems import Problem, response, unexpected

#: A batch of a thousand events has less than one; more would only fill memory.
MAX_REQUEST_BYTES: Final = 4 * 1_048_576
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class _TooLarge(Exception):
    """More of a body came than is taken."""


class Shell:
    """An ASGI application around another: nothing leaves it that is no answer."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            _refuse_large(Headers(scope=scope).get("content-length"))
            await self._inner(scope, _limited(receive), answer.send)
        except _TooLarge:
            problem = Problem(413, f"At most {MAX_REQUEST_BYTES} bytes are taken.")
            await response(problem)(scope, receive, answer.send)
        except Exception as error:  # noqa: BLE001, what is caught here is our bug, and logged
            if answer.has_begun:
                raise
            await unexpected(error)(scope, receive, answer.send)


class _Answer:
    """The answer on its way, with the headers that all have."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def _refuse_large(length: str | None) -> None:
    if length is not None and length.isdecimal() and int(length) > MAX_REQUEST_BYTES:
        raise _TooLarge


def _limited(receive: Receive) -> Receive:
    """Return what receives a body and gives up when there is too much of it."""
    got = 0

    async def limited() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > MAX_REQUEST_BYTES:
            raise _TooLarge
        return message

    return limited
