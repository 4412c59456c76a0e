"""Streams without counts: large maxima stop nobody, and what holds refuse is admitted again."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from metering import bootstrap
from metering.local import api
from metering.local.gateway.ask import admission_from
from metering.local.gateway.keys import key_of
from metering.local.gateway.server import RunningGateway, listener_on, local_gateway
from metering.local.system import LocalSystem, local_system
from metering.settings.settings import Settings, SqliteStore
from tests.local.gateway.bench import MESSAGES, PACE

CAP = {"metric": "tokens", "window": "day", "limit": "20000", "action": "block"}
#: Coding agents ask for that much with every stream.
MOST = 64_000


class Served:
    """The system, its gateway, and a client of contoso."""

    def __init__(
        self, system: LocalSystem, gateway: RunningGateway, client: openai.AsyncOpenAI
    ) -> None:
        self.system = system
        self.gateway = gateway
        self.client = client

    async def stream(self) -> None:
        """Make one stream to its end; it uses a few dozen tokens."""
        async with await self.client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, max_tokens=MOST, stream=True
        ) as chunks:
            async for _ in chunks:
                pass

    async def count(self) -> None:
        """Let the gateway's logs arrive."""
        self.gateway.pipe.flush()
        await self.system.host.drain()


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Run the whole system by the machine's clock; logs arrive when a test lets them."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    tenants = tmp_path / "tenants.json"
    contoso = {"id": "contoso", "plan": "capped", "subscriptions": ["contoso-prod"]}
    tenants.write_text(
        json.dumps({"plans": [{"id": "capped", "quotas": [CAP]}], "tenants": [contoso]})
    )
    app = bootstrap.App(Settings(SqliteStore(tmp_path / "store.db"), tenants, False))

    def fail(function: str, error: Exception) -> None:
        raise AssertionError(function) from error

    async with (
        local_system(app, "test", fail) as system,
        api.local_api(app, api.listener_on(0)) as url,
        admission_from(url, app.sign_in.gateway_token) as admission,
        local_gateway(system, listener_on(0), admission=admission, pace=PACE) as gateway,
        openai.AsyncOpenAI(
            base_url=f"{gateway.url}/openai/v1", api_key=key_of("contoso-prod"), max_retries=0
        ) as client,
    ):
        yield Served(system, gateway, client)


async def until_refused(served: Served) -> openai.RateLimitError:
    async with asyncio.timeout(30):
        while True:
            try:
                await served.stream()
            except openai.RateLimitError as refused:
                return refused
            await served.system.host.drain()


async def test_streams_with_large_maxima_are_refused_by_holds_and_admitted_with_their_counts(
    served: Served,
) -> None:
    # Two with a maximum beyond the limit: each is held for its prompt and 500 tokens.
    await served.stream()
    await served.stream()
    await served.system.host.drain()
    await served.stream()

    refused = await until_refused(served)
    assert refused.code == "held"
    # Nothing is counted yet that would say when logs arrive: two minutes.
    assert refused.response.headers["Retry-After"] == "120"

    await served.count()
    async with asyncio.timeout(10):
        while True:
            try:
                await served.stream()
                break
            except openai.RateLimitError:
                await asyncio.sleep(0.1)
