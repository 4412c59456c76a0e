"""The HTTP part as it is served: real sockets, real tokens, the embedded store."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import httpx2

from metering import bootstrap
from metering.adapters.clock import FixedClock
from metering.app.hubs.batch import Message
from metering.core.basics.instants import parse_instant
from tests.api.issuer import Issuer
from tests.builders import body

#: People of the two tenants, and one of none.
OF_ACME, OF_GLOBEX, OF_NOBODY = 11, 12, 13
#: The producer that is bound to sub-1 and sub-2, under /app.
PRODUCER = "app:00000000-0000-0000-0000-000000000001"


@dataclass
class Served:
    """An API that is up, with what is behind it."""

    app: bootstrap.App
    issuer: Issuer
    url: str
    client: httpx2.AsyncClient

    def operator(self) -> str:
        return self.issuer.user(99, roles=["Metering.Operator"])

    def gateway(self) -> str:
        return self.issuer.token(roles=["Metering.Gateway"])

    def producer(self) -> str:
        return self.producer_by("00000000-0000-0000-0000-000000000001")

    def producer_by(self, client: str) -> str:
        """Return the token of the app with a client id."""
        return self.issuer.token(azp=client, roles=["Metering.Producer"])

    def tenant(self, number: int = OF_ACME) -> str:
        return self.issuer.user(number)

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """Ask for something, with a token or without."""
        signed = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.client.request(
            method, self.url + path, headers={**signed, **(headers or {})}, **more
        )

    async def get(self, path: str, token: str | None = None, **more: Any) -> Any:
        """Return what is there."""
        answer = await self.ask("GET", path, token, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextmanager
    def at(self, date: str) -> Iterator[None]:
        """Serve as if it were this date."""
        later = parse_instant(f"{date}T00:00:00Z")
        with patch.object(FixedClock, "now", lambda _: later):
            yield

    async def count(self, *bodies: bytes) -> None:
        """Count events, as if a hub had delivered them."""
        messages = [Message(one, "0", number) for number, one in enumerate(bodies or (body(),))]
        await self.app.ingest.batch(messages)


def problem(answer: httpx2.Response) -> dict[str, Any]:
    """Return a problem, after making sure that it is one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    said: dict[str, Any] = answer.json()
    assert said["status"] == answer.status_code
    assert {"type", "title", "status", "detail"} <= said.keys()
    return said
