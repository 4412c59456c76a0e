"""The story of one tenant beside the trace: what happens to usage besides being counted.

Adventure's plan blocks it beyond 0.05 USD a day. Its stream is counted from the gateway's log, the
price of its own model is corrected after it was charged, and its September is closed. The amounts
are known beforehand:

- stream: gpt-4o, 1,200 tokens in at 2.50 and 300 out at 10 a million: 0.006 USD
- over the limit: gpt-4o, 20,000 in and 1,000 out: 0.06 USD
- its own model: two requests of 1,000 in and 200 out, charged at 2 and 8 a million, which is
  0.0072 USD, and corrected to 1 and 4: 0.0036 USD
- September: three requests to gpt-4o of 12,000 in and 1,000 out: 0.12 USD
"""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from metering import bootstrap
from metering.core.basics.instants import Instant, format_instant, parse_instant
from metering.core.basics.money import format_paid, to_decimal
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import State
from metering.core.ledger.rerating import Scope
from metering.core.quotas.verdict import ModelVerdict
from metering.core.reports.requests import Wanted
from metering.core.usage.buckets import TOKENS
from metering.local.demo.independent_sum import TenantSum
from metering.local.demo.traffic import event
from metering.ports import Outgoing

TENANT: Final = "adventure"
SUBSCRIPTION: Final = "adventure-app"
#: Its October, from the amounts above: 1,200 + 20,000 + 2 x 1,000 tokens in, 300 + 1,000 + 2 x 200
#: out, 0.006 + 0.06 + 0.0036 USD.
EXPECTED: Final = TenantSum(4, 23_200, 1_700, 0, Decimal("0.0696"))
STREAM: Final = "demo-stream"
CLOSED: Final = "2026-09"
#: One of the requests whose price is corrected.
REPRICED: Final = "demo-own-1"

_OWN: Final = "demo-own-"
_OWN_MODEL: Final = "adventure-7b"
_SEPTEMBER: Final = parse_instant("2026-09-10T09:00:00Z")
_OCTOBER: Final = parse_instant("2026-10-16T20:00:00Z")
_WRONG, _RIGHT = ("2", "8"), ("1", "4")


class Story(NamedTuple):
    """The results of the story, read back from the store."""

    stream_tokens: int
    """Of the stream, from the gateway's log."""
    verdict: ModelVerdict
    """Of the tenant's next request."""
    charged: Decimal
    """The cost of the requests at the wrong price."""
    corrected: Decimal
    """Their cost after the correction."""
    statement_total: str
    """Of September, in USD."""


def events() -> Iterator[Outgoing]:
    """Yield its usage events."""
    for number in range(1, 4):
        yield _event(f"demo-september-{number}", _SEPTEMBER, usage=(12_000, 1_000))
    yield _event(STREAM, _OCTOBER)
    for number in range(1, 3):
        yield _event(f"{_OWN}{number}", _OCTOBER, usage=(1_000, 200), model=_OWN_MODEL)
    yield _event("demo-large", _OCTOBER, usage=(20_000, 1_000))


def log_rows() -> bytes:
    """Return the gateway's log: a row with the stream's tokens."""
    row = {
        "time": format_instant(_OCTOBER),
        "category": "GatewayLlmLogs",
        "operationName": "Microsoft.ApiManagement/GatewayLlmLogs",
        "resourceId": "/SUBSCRIPTIONS/0/RESOURCEGROUPS/LOCAL/PROVIDERS/MICROSOFT.APIMANAGEMENT"
        "/SERVICE/DEMO",
        "properties": {
            "correlationId": STREAM,
            "sequenceNumber": 0,
            "modelName": "gpt-4o-2024-11-20",
            "deploymentName": "gpt-4o",
            "promptTokens": 1_200,
            "completionTokens": 300,
            "totalTokens": 1_500,
            "isStreamCompletion": True,
        },
    }
    return json.dumps({"records": [row]}).encode()


def _event(
    id_: str, time: Instant, usage: tuple[int, int] | None = None, model: str = "gpt-4o"
) -> Outgoing:
    data: dict[str, object] = {
        "product": "llm",
        "api": "chat",
        "deployment": model,
        "requested_model": model,
        "region": "eastus2",
        "deployment_type": "global",
        "service_tier": "standard",
        "status": 200,
        "streamed": usage is None,
        "tokens": "pending" if usage is None else "final",
    }
    if usage is not None:
        prompt, output = usage
        data["model"] = model
        data["usage"] = {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
        }
    return event(id_, time, SUBSCRIPTION, data), SUBSCRIPTION


async def publish_wrong_price(app: bootstrap.App) -> None:
    """Give its own model a price that is twice too high, before it is used."""
    await _publish(app, "demo-1", _WRONG)


async def finish(app: bootstrap.App) -> Story:
    """Correct the price, close September, and read back what came of it. Safe to repeat."""
    await _publish(app, "demo-2", _RIGHT)
    present = await app.read.present_period(TENANT)
    await app.rerate.ledger(LedgerId(TENANT, present.start), Scope.ALL, dry_run=False)
    async for _ in app.billing.close_periods.run(app.clock.now(), [TENANT]):
        pass
    admitted = await app.admission.of(SUBSCRIPTION)
    listed = await app.requests.page(TENANT, Wanted(start=present.start), limit=100)
    found = {request.entry.id: request for request in listed.requests}
    own = [one for name, one in found.items() if name.startswith(_OWN)]
    period = app.tenancy.directory.period_at(TENANT, _SEPTEMBER)
    statement = await app.billing.statements.of(TENANT, period)
    assert statement is not None
    return Story(
        stream_tokens=sum(found[STREAM].entry.state.buckets[TOKENS]),
        verdict=admitted.of(None),
        charged=_sum(one.earlier[0].state for one in own if one.earlier),
        corrected=_sum(one.entry.state for one in own),
        statement_total=format_paid(statement.total, statement.currency),
    )


def _sum(states: Iterable[State]) -> Decimal:
    return sum((to_decimal(state.amount or 0) for state in states), Decimal(0))


async def _publish(app: bootstrap.App, version: str, price: tuple[str, str]) -> None:
    row: dict[str, object] = {
        "model": _OWN_MODEL,
        "aliases": [],
        "provider": TENANT,
        "channel": "marketplace",
        "deployment_type": "global",
        "region": None,
        "service_tier": "standard",
        "context_tier": None,
        "effective_from": "2026-10-01T00:00:00Z",
        "per_million_tokens": dict(zip(("input", "output"), price, strict=True)),
        "meters": {},
    }
    content = {
        "version": version,
        "currency": "USD",
        "origin": {
            "source": "the demo",
            "url": "https://example.org",
            "retrieved": "2026-10-01",
            "via": "none",
        },
        "prices": [row],
        "other_meters": [],
    }
    await app.publish_prices.publish(version, json.dumps(content).encode(), supersede=True)
