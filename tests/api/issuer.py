"""An issuer of tokens on loopback: metadata, keys that rotate, and tokens of every kind."""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

TENANT: Final = "11111111-2222-3333-4444-555555555555"
AUDIENCE: Final = "api://metering"


@cache
def rsa_key(name: str, bits: int = 2_048) -> rsa.RSAPrivateKey:
    """Return a key of that name: making one takes a while, so all tests share them."""
    assert name
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


class Issuer:
    """Answers what Entra answers, and counts how often it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.keys = ["one"]
        self.fetches = 0
        self.status = 200
        self.delay_s = 0.0
        self.hangs: asyncio.Event | None = None
        """Set it to let an answer go that hangs."""
        self.asked = asyncio.Event()
        self.metadata: dict[str, Any] = {}
        self.jwks: dict[str, Any] | None = None

    async def about(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.metadata}
        )

    async def list_keys(self, _: web.Request) -> web.Response:
        self.fetches += 1
        self.asked.set()
        if self.hangs is not None:
            await self.hangs.wait()
        await asyncio.sleep(self.delay_s)
        listed = [public(name) for name in self.keys]
        return web.json_response(self.jwks or {"keys": listed}, status=self.status)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of an app's own token; `...` removes one."""
        now = int(time.time())
        client = str(uuid.UUID(int=1))
        made = {
            "iss": self.url,
            "aud": AUDIENCE,
            "tid": TENANT,
            "iat": now,
            "nbf": now,
            "exp": now + 3_600,
            "azp": client,
            "oid": str(uuid.UUID(int=2)),
            "sub": str(uuid.UUID(int=2)),
            "roles": [],
        }
        made.update(changes)
        return {name: value for name, value in made.items() if value is not ...}

    def token(self, key: str = "one", **changes: Any) -> str:
        """Return a token of an app, signed with a key by name."""
        return jwt.encode(self.claims(**changes), rsa_key(key), "RS256", headers={"kid": key})

    def user(self, number: int, **changes: Any) -> str:
        """Return the token of a person, by whatever app it was asked for."""
        person = str(uuid.UUID(int=number))
        return self.token(oid=person, sub="pairwise", scp="read", **changes)


def public(name: str) -> dict[str, Any]:
    """Return the public half of a key as its issuer lists it."""
    listed: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(rsa_key(name).public_key()))
    return {**listed, "kid": name, "use": "sig"}


def unsigned(claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """Return a token that nobody signed."""
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    """Serve an issuer while the context is open."""
    issuer = Issuer()
    site = web.Application()
    site.router.add_get("/.well-known/openid-configuration", issuer.about)
    site.router.add_get("/keys", issuer.list_keys)
    runner = web.AppRunner(site, shutdown_timeout=0.1)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield issuer
    finally:
        await runner.cleanup()
