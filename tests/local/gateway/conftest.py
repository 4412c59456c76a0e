"""The whole local system with a gateway on a loopback socket, and the providers' own clients."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncAzureOpenAI, AsyncOpenAI

from metering import bootstrap
from metering.config import Settings, SqliteStore
from metering.core.balance import Balance
from metering.core.instants import parse_instant
from metering.core.periods import month_of
from metering.local.demo import tenants_file
from metering.local.gateway.admission import Verdict
from metering.local.gateway.gate import Pace
from metering.local.gateway.keys import key_of
from metering.local.gateway.log_pipe import LOGS_HUB
from metering.local.gateway.server import RunningGateway, local_gateway
from metering.local.system import LocalSystem, local_system

NOW = parse_instant("2026-11-20T12:00:00Z")

#: Nothing waits for longer than a test needs; logs wait until a test lets them go.
PACE = Pace(latency_ms=0, chunk_ms=1, log_delay_s=3_600, retry_after_ms=5)


class Bench:
    """What the tests of the gateway hold in their hands."""

    def __init__(self, system: LocalSystem, stack: AsyncExitStack, *, joined: bool) -> None:
        self.system = system
        self.joined = joined
        """Whether the function app reads the gateway's logs, and so settles streams."""
        self.verdict = Verdict()
        self.asked: list[tuple[str, str]] = []
        self.gateway: RunningGateway
        self._stack = stack

    async def admission(self, subject: str, model: str) -> Verdict:
        self.asked.append((subject, model))
        return self.verdict

    @property
    def url(self) -> str:
        return self.gateway.url

    async def openai(self, subject: str = "contoso-prod", **options: Any) -> AsyncOpenAI:
        options = {"api_key": key_of(subject), "max_retries": 0} | options
        client = AsyncOpenAI(base_url=f"{self.url}/openai/v1", **options)
        return await self._stack.enter_async_context(client)

    async def azure(self, subject: str = "contoso-prod") -> AsyncAzureOpenAI:
        client = AsyncAzureOpenAI(
            azure_endpoint=self.url,
            api_key=key_of(subject),
            api_version="2026-06-01",
            max_retries=0,
        )
        return await self._stack.enter_async_context(client)

    async def anthropic(self, subject: str = "contoso-prod", **options: Any) -> AsyncAnthropic:
        options = {"api_key": key_of(subject), "max_retries": 0} | options
        client = AsyncAnthropic(base_url=f"{self.url}/anthropic", **options)
        return await self._stack.enter_async_context(client)

    async def balance(self, tenant: str = "contoso") -> Balance:
        """Return a balance once everything sent so far is counted."""
        await self.system.host.drain()
        return await self.system.app.read.balance(tenant, month_of(NOW))

    def events(self) -> list[dict[str, Any]]:
        """Return every usage event sent so far."""
        return [event["data"] | {"id": event["id"]} | event for event in self._bodies("usage")]

    def log_events(self) -> list[list[dict[str, Any]]]:
        """Let the logs go, and return the records of each event that carries some."""
        self.gateway.pipe.flush()
        return [body["records"] for body in self._bodies(LOGS_HUB)]

    def logged(self, category: str, request_id: str | None = None) -> list[dict[str, Any]]:
        """Return the properties of the records of a category, those of one request if given."""
        return [
            record["properties"] | {"id": _correlation(record)}
            for records in self.log_events()
            for record in records
            if record["category"] == category and request_id in {None, _correlation(record)}
        ]

    def tokens_row(self, request_id: str) -> dict[str, Any]:
        """Return the row of a request in the LLM log that has its tokens."""
        rows = self.logged("GatewayLlmLogs", request_id)
        (row,) = [row for row in rows if row["sequenceNumber"] == 0]
        return row

    def _bodies(self, hub: str) -> Iterator[dict[str, Any]]:
        for partition in range(self.system.hub.partition_count(hub)):
            for event in self.system.hub.receive(hub, partition, None, 1_000):
                yield json.loads(event.body)


def _correlation(record: dict[str, Any]) -> str:
    return record.get("correlationId") or record["properties"]["correlationId"]


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Run the function app, the hub and the gateway, on the sample tenants."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    settings = Settings(SqliteStore(tmp_path / "store.db"), tenants_file(), False, NOW)

    def fail(function: str, error: Exception) -> None:
        raise AssertionError(function) from error

    async with (
        local_system(bootstrap.App(settings), "test", fail) as system,
        AsyncExitStack() as stack,
    ):
        joined = system.hub.is_declared(LOGS_HUB)
        if not joined:
            system.hub.declare(LOGS_HUB)
        bench = Bench(system, stack, joined=joined)
        serving = local_gateway(system, port=0, admission=bench.admission, pace=PACE)
        async with serving as bench.gateway:
            yield bench
            await stack.aclose()
