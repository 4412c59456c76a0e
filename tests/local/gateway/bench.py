"""What tests of the gateway work at: the local system, the providers' clients, what was sent."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncAzureOpenAI, AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from metering.app.hubs.batch import LOGS_HUB
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_amount
from metering.core.billing.balance import Balance
from metering.core.calendars.periods import month_of
from metering.local.gateway.admission import Document
from metering.local.gateway.gate import Pace
from metering.local.gateway.keys import key_of
from metering.local.gateway.server import RunningGateway
from metering.local.system import LocalSystem

NOW = parse_instant("2026-11-20T12:00:00Z")

#: 40 characters are 10 tokens; the message makes 4 more and the reply 3: 17.
QUESTION = "Hello, what does a thousand tokens cost?"
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]

#: Nothing waits for longer than a test needs; logs wait until a test lets them go.
PACE = Pace(latency_ms=0, chunk_ms=1, log_delay_s=3_600, retry_after_ms=5)


class Bench:
    """What the tests of the gateway hold in their hands."""

    def __init__(
        self,
        system: LocalSystem,
        clients: AsyncExitStack,
        serving: AsyncExitStack,
    ) -> None:
        self.system = system
        self.document: Document = {"verdict": "allow"}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.own: Document = {"verdict": "allow"}
        """What is answered about the values of a request."""
        self.gateway: RunningGateway
        self._clients = clients
        self._serving = serving

    async def admission(self, subject: str, asked: Mapping[str, str]) -> Document:
        self.asked.append((subject, dict(asked)))
        return self.own if asked else self.document

    @property
    def url(self) -> str:
        return self.gateway.url

    async def stop(self) -> None:
        """Stop the gateway; the rest of the system goes on."""
        await self._serving.aclose()

    async def openai(self, subject: str = "contoso-prod", **options: Any) -> AsyncOpenAI:
        given: dict[str, Any] = {"api_key": key_of(subject), "max_retries": 0} | options
        client = AsyncOpenAI(base_url=f"{self.url}/openai/v1", **given)
        return await self._clients.enter_async_context(client)

    async def azure(self, subject: str = "contoso-prod") -> AsyncAzureOpenAI:
        client = AsyncAzureOpenAI(
            azure_endpoint=self.url,
            api_key=key_of(subject),
            api_version="2026-06-01",
            max_retries=0,
        )
        return await self._clients.enter_async_context(client)

    async def anthropic(self, subject: str = "contoso-prod", **options: Any) -> AsyncAnthropic:
        given: dict[str, Any] = {"api_key": key_of(subject), "max_retries": 0} | options
        client = AsyncAnthropic(base_url=f"{self.url}/anthropic", **given)
        return await self._clients.enter_async_context(client)

    def sync_openai(self, subject: str = "contoso-prod") -> OpenAI:
        """Return a client that blocks: for threads."""
        url = f"{self.url}/openai/v1"
        client = OpenAI(base_url=url, api_key=key_of(subject), max_retries=0)
        self._clients.enter_context(client)
        return client

    def sync_anthropic(self, subject: str = "contoso-prod") -> Anthropic:
        """Return a client that blocks: for threads."""
        url = f"{self.url}/anthropic"
        client = Anthropic(base_url=url, api_key=key_of(subject), max_retries=0)
        self._clients.enter_context(client)
        return client

    def row_of(self, answer_id: str) -> dict[str, Any]:
        """Return the row with the tokens of an answer, whose id ends with its request's."""
        return self.tokens_row(str(UUID(answer_id.rpartition("-")[2].rpartition("_")[2])))

    def event(self, request_id: str | None) -> dict[str, Any]:
        """Return the data of the one event of a request, by the id that its client was told."""
        (event,) = [event for event in self.events() if event["id"] == request_id]
        data: dict[str, Any] = event["data"]
        return data

    async def settled(self) -> Balance:
        """Let all logs arrive, and return the balance once they are counted."""
        self.gateway.pipe.flush()
        await self.balance()
        return await self.balance()

    async def cost(self, before: Balance) -> str:
        """Return what the tenant was charged since a balance."""
        return format_amount((await self.balance()).amount - before.amount)

    async def balance(self, tenant: str = "contoso") -> Balance:
        """Return a balance once everything sent so far is counted."""
        await self.system.host.drain()
        return await self.system.app.read.balance(tenant, month_of(NOW))

    def events(self) -> list[dict[str, Any]]:
        """Return every usage event sent so far."""
        return list(self._bodies("usage"))

    async def resend(
        self, event: dict[str, Any], *, evidence: str, request_id: str | None = None, **usage: int
    ) -> dict[str, Any]:
        """Send an event again, under another id or with other counts; return what was sent."""
        data = event["data"]
        counts = data["usage"] | usage
        counts["total_tokens"] = counts["prompt_tokens"] + counts["completion_tokens"]
        again = event | {
            "id": request_id or event["id"],
            "data": data | {"evidence": evidence, "usage": counts},
        }
        self.system.hub.send("usage", [(json.dumps(again).encode(), event["subject"])])
        await self.system.host.drain()
        return again

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

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds, at most ten seconds."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110, nobody tells that a client went away
                await asyncio.sleep(0.005)

    def _bodies(self, hub: str) -> Iterator[dict[str, Any]]:
        for partition in range(self.system.hub.partition_count(hub)):
            for event in self.system.hub.receive(hub, partition, None, 1_000):
                yield json.loads(event.body)


def _correlation(record: dict[str, Any]) -> str:
    return str(record.get("correlationId") or record["properties"]["correlationId"])
