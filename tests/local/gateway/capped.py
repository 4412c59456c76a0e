"""The whole system by the machine's clock, contoso on a plan of a test's own, and its clients."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from metering import bootstrap
from metering.core.basics.instants import Instant
from metering.local import api
from metering.local.gateway.ask import admission_from
from metering.local.gateway.keys import key_of
from metering.local.gateway.server import RunningGateway, listener_on, local_gateway
from metering.local.system import LocalSystem, local_system
from metering.settings.settings import Settings, SqliteStore
from tests.local.gateway.bench import MESSAGES, PACE, QUESTION


class Served:
    """The system, its gateway, and clients of contoso."""

    def __init__(
        self,
        system: LocalSystem,
        gateway: RunningGateway,
        client: openai.AsyncOpenAI,
        anthropics: anthropic.AsyncAnthropic,
    ) -> None:
        self.system = system
        self.gateway = gateway
        self.client = client
        self.anthropics = anthropics

    async def ask(self, model: str = "gpt-4o") -> str:
        """Make one request; return the model that answered."""
        answer = await self.client.chat.completions.create(
            model=model, messages=MESSAGES, max_tokens=10
        )
        return answer.model

    async def say(self, model: str = "claude-sonnet") -> str:
        """Make one request with Anthropic's client; return the model that answered."""
        answer = await self.anthropics.messages.create(
            model=model, max_tokens=10, messages=[{"role": "user", "content": QUESTION}]
        )
        return answer.model

    async def stream(self, most: int) -> None:
        """Make one stream to its end, which a stop sequence brings after a word."""
        async with await self.client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, max_tokens=most, stream=True, stop=" "
        ) as chunks:
            async for _ in chunks:
                pass

    async def count(self) -> None:
        """Let the gateway's logs arrive."""
        self.gateway.pipe.flush()
        await self.system.host.drain()


@asynccontextmanager
async def serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: Instant | None = None, **terms: Any
) -> AsyncIterator[Served]:
    """Run the whole system on a plan of these terms; logs arrive when a test lets them.

    With `now` its time stands still: verdicts that were asked for stay.
    """
    monkeypatch.setattr(sys, "path", list(sys.path))
    tenants = tmp_path / "tenants.json"
    contoso = {"id": "contoso", "plan": "capped", "subscriptions": ["contoso-prod"]}
    tenants.write_text(json.dumps({"plans": [{"id": "capped", **terms}], "tenants": [contoso]}))
    app = bootstrap.App(Settings(SqliteStore(tmp_path / "store.db"), tenants, False, fixed_now=now))

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
        anthropic.AsyncAnthropic(
            base_url=f"{gateway.url}/anthropic", api_key=key_of("contoso-prod"), max_retries=0
        ) as anthropics,
    ):
        yield Served(system, gateway, client, anthropics)
