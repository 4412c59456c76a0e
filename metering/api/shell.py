"""ASGI wrapper: request size, security headers, and unexpected errors."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metering.api.problems import Problem, response, unexpected

#: A batch of a thousand events has less than one MiB.
MAX_REQUEST_BYTES: Final = 4 * 1_048_576
_TOO_LARGE: Final = f"The request is larger than {MAX_REQUEST_BYTES} bytes."
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    # API responses are data, which a browser must not run or frame. Pages set their own policy.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Shell:
    """An ASGI application around another. Every request gets a response."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        answer = _Answer(send)
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > MAX_REQUEST_BYTES:
            await response(Problem(413, _TOO_LARGE))(scope, receive, answer.send)
            return
        try:
            await self._inner(scope, _limited(receive), answer.send)
        except Exception as error:
            if answer.has_begun:
                raise
            await unexpected(error)(scope, receive, answer.send)


class _Answer:
    """Sends a response with the common headers."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Send a message."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _limited(receive: Receive) -> Receive:
    """Return a receiver that raises 413 once the body is too large."""
    got = 0

    async def limited() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > MAX_REQUEST_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return limited
