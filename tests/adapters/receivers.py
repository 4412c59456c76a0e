"""A receiver of webhooks on loopback: a real HTTP server that checks signatures by itself."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """Takes everything that is signed with its secret, unless a test ordered another answer."""

    secret: str
    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    """What the next requests meet with, the first one first; 204 when there is none left."""
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers and body of each request, as they came."""
    targets: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.seen]

    def is_signed(self, headers: dict[str, str], body: bytes) -> bool:
        """Check a signature with nothing but the words of the specification."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return f"v1,{wanted}" in headers["webhook-signature"].split(" ")

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.targets.append(request.raw_path)
        if not self.is_signed(headers, body):
            return web.Response(status=401)
        self.seen.append((headers, body))
        if self.answers:
            return await self.answers.pop(0)(request)
        return web.Response(status=204)


def status(code: int, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers, text="secret words of the receiver")

    return answer


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def speak_gibberish(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"SMTP ready\r\n\r\n")
    request.transport.close()
    return web.Response()


async def never_end(request: web.Request) -> web.StreamResponse:
    """Answer 200 at once, and send a body for as long as somebody is there."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    try:
        while True:
            await answer.write(b"x" * 65_536)
    except ConnectionError:
        return answer


@asynccontextmanager
async def receiving(secret: str) -> AsyncIterator[Receiver]:
    """Run a receiver while the block lasts."""
    receiver = Receiver(secret)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()
