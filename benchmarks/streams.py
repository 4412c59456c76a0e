"""What Cosmos DB charges for 1,000 streams, joined from their halves, and for logs of finals."""

import json
from collections.abc import Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from benchmarks.charged import Charged, units_of
from benchmarks.events import NOW, Batch
from metering.app.hubs.batch import Message
from metering.bootstrap import App
from metering.core.basics.errors import MeteringError
from metering.settings.settings import CosmosStore, Settings

if TYPE_CHECKING:
    from tests.doubles.cosmos import CosmosPeer

SIZE: Final = 200
"""Requests of one tenant in a batch, of events and of logs."""
_RECORDS_AN_EVENT: Final = 20
#: Streams of a tenant: each costs the same.
_STREAMS: Final = 400


async def measure(peer: "CosmosPeer", tenants: Sequence[Batch]) -> dict[str, Charged]:
    """Return what streams are charged, in both orders of their halves, and logs of finals."""
    return {
        "streams": await _charged(peer, tenants, "metering, streams, identity first", "il"),
        "streams_log_first": await _charged(peer, tenants, "metering, streams, log first", "li"),
        "logs_of_finals": await _charged(peer, tenants, "metering, logs of final requests", "l"),
    }


async def _charged(peer: "CosmosPeer", tenants: Sequence[Batch], name: str, order: str) -> Charged:
    """Take in identities (`i`) and logs (`l`) in this order; a batch of each comes untimed."""
    peer.clear()
    app = App(Settings(CosmosStore(peer.url, "metering", peer.key), fixed_now=NOW))
    batches = [
        list(part)
        for bodies in tenants
        for part in batched(bodies[: SIZE + _STREAMS], SIZE, strict=True)
    ]
    streams = 0
    charged: dict[str, float] = {}
    try:
        await app.stores.prepare()
        for timed in (False, True):
            before = len(peer.requests)
            chosen = [batch for row, batch in enumerate(batches) if (row % 3 > 0) is timed]
            streams = sum(map(len, chosen))
            for step in order:
                for batch in chosen:
                    await _take_in(app, step, [json.loads(body) for body in batch])
            charged = units_of(peer.requests[before:])
        waiting = (await app.stores.pending.count_pending()).waiting
    finally:
        await app.close()
    if waiting:
        raise MeteringError(f"{waiting} of {streams} streams were not joined")
    return Charged(name, SIZE, streams, charged)


async def _take_in(app: App, step: str, events: Sequence[dict[str, Any]]) -> None:
    if step == "i":
        bodies = [json.dumps(_identity(event)) for event in events]
    else:
        rows = map(_row, events)
        bodies = [
            json.dumps({"records": part}) for part in batched(rows, _RECORDS_AN_EVENT, strict=False)
        ]
    messages = [Message(body.encode(), "0", number) for number, body in enumerate(bodies)]
    await (app.ingest if step == "i" else app.join_usage).batch(messages)


def _identity(event: dict[str, Any]) -> dict[str, Any]:
    hold = {"prompt_tokens_estimate": 1_000, "max_output_tokens": 1_000}
    data = {**event["data"], "tokens": "pending", "usage": None, "hold": hold}
    return {**event, "data": data}


def _row(event: dict[str, Any]) -> dict[str, Any]:
    used = event["data"]["usage"]
    properties = {
        "correlationId": event["id"],
        "modelName": event["data"]["model"],
        "promptTokens": used.get("prompt_tokens", used.get("input_tokens")),
        "completionTokens": used.get("completion_tokens", used.get("output_tokens", 0)),
        "sequenceNumber": 0,
    }
    return {"time": event["time"], "category": "GatewayLlmLogs", "properties": properties}
