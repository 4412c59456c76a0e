"""Request units of 1,000 streams and log rows, and the number a core joins a second."""

import json
import time
from collections.abc import Sequence
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from benchmarks.charged import Charged, units_of
from benchmarks.events import NOW, Batch, log_row, reported
from metering.app.hubs.batch import Message
from metering.bootstrap import App
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import HOUR, MINUTE, SECOND, format_instant
from metering.settings.settings import CosmosStore, Settings, SqliteStore

if TYPE_CHECKING:
    from tests.doubles.cosmos import CosmosPeer

SIZE: Final = 200
"""Requests of one tenant in a batch, of events and of logs."""
_RECORDS_AN_EVENT: Final = 20
#: Batches of each tenant: the first one comes untimed, so that caches and ledgers are as they run.
_BATCHES: Final = 3
#: Requests of all tenants together, as they follow one another.
_PER_SECOND: Final = 100
#: Rows whose joining is timed.
_TIMED_ROWS: Final = 20_000


async def measure(peer: "CosmosPeer", tenants: Sequence[Batch]) -> dict[str, Charged]:
    """Return what streams are charged, in both orders of event and log, and logs of finals."""
    return {
        "streams": await streams_identity_first(peer, tenants),
        "streams_log_first": await streams_log_first(peer, tenants),
        "logs_of_finals": await final_logs(peer, tenants),
    }


async def streams_identity_first(peer: "CosmosPeer", tenants: Sequence[Batch]) -> Charged:
    """Return what streams are charged whose events come first, with publishing and commits."""
    return await _charged(peer, tenants, "metering, streams, identity first", ("stream", "log"))


async def streams_log_first(peer: "CosmosPeer", tenants: Sequence[Batch]) -> Charged:
    """Return the same of streams whose log rows come first."""
    return await _charged(peer, tenants, "metering, streams, log first", ("log", "stream"))


async def final_logs(peer: "CosmosPeer", tenants: Sequence[Batch]) -> Charged:
    """Return what the log rows of final requests are charged, and the noting of their ids."""
    name = "metering, logs of final requests"
    both = await _charged(peer, tenants, name, ("final", "log"))
    alone = await _charged(peer, tenants, name, ("final",), notes=False)
    units = {kind: value - alone.units.get(kind, 0.0) for kind, value in both.units.items()}
    return both._replace(units=units)


async def log_rows_per_s(tenants: Sequence[Batch]) -> float:
    """Return how many log rows a core joins a second: half of streams, half of final requests.

    On the embedded store, without what the hub does with the complete events.
    """
    batches = _batches(tenants, _TIMED_ROWS // len(tenants) // SIZE)
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder, "store.db"))
        counting, joining = (App(Settings(store, fixed_now=NOW)) for _ in range(2))
        joining.publish_through(lambda _: _Nowhere())
        try:
            for number, batch in enumerate(batches):
                kind = "stream" if number % 2 else "final"
                await counting.ingest.batch(_messages(kind, batch))
            await counting.register.flush()
            rows = [_messages("log", batch) for batch in batches]
            began = time.process_time()
            for messages in rows:
                await joining.join_usage.batch(messages)
            taken = time.process_time() - began
        finally:
            await counting.close()
            await joining.close()
    return len(batches) * SIZE / taken


class _Nowhere:
    """A hub that takes everything."""

    async def publish(self, events: Sequence[tuple[bytes, str]]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


async def _charged(
    peer: "CosmosPeer",
    tenants: Sequence[Batch],
    name: str,
    order: Sequence[str],
    *,
    notes: bool = True,
) -> Charged:
    """Take in events and logs in this order, as much as comes in between as in one process."""
    peer.clear()
    app = App(Settings(CosmosStore(peer.url, "metering", peer.key), fixed_now=NOW))
    batches = _batches(tenants, _BATCHES)
    warm, timed = batches[: len(tenants)], batches[len(tenants) :]
    requests = sum(map(len, timed))
    try:
        await app.stores.prepare()
        await _take_in(app, warm, order)
        await app.register.flush()
        before = len(peer.requests)
        await _take_in(app, timed, order)
        if notes:
            await app.register.flush()
        charged = units_of(peer.requests[before:])
        waiting = (await app.count_streams.run()).waiting
    finally:
        await app.close()
    if waiting:
        raise MeteringError(f"{waiting} of {requests} streams were not joined")
    return Charged(name, SIZE, requests, charged)


async def _take_in(
    app: App, batches: Sequence[Sequence[dict[str, Any]]], order: Sequence[str]
) -> None:
    for step in order:
        use_case = app.join_usage if step == "log" else app.ingest
        for batch in batches:
            await use_case.batch(_messages(step, batch))


def _batches(tenants: Sequence[Batch], count: int) -> list[list[dict[str, Any]]]:
    """Return so many batches of each tenant in turns, as traffic of our rate would bring them."""
    turns = [
        [json.loads(bodies[row % len(bodies)]) for row in range(start, start + SIZE)]
        for start in range(0, count * SIZE, SIZE)
        for bodies in tenants
    ]
    first, number = NOW - HOUR + MINUTE, 0
    for batch in turns:
        for event in batch:
            event["id"] = f"{number:08x}-1111-4111-8111-{number:012x}"
            event["time"] = format_instant(first + number * SECOND // _PER_SECOND)
            number += 1
    return turns


def _messages(step: str, events: Sequence[dict[str, Any]]) -> list[Message]:
    if step == "log":
        rows = map(log_row, events)
        bodies = [
            json.dumps({"records": part}) for part in batched(rows, _RECORDS_AN_EVENT, strict=False)
        ]
    else:
        bodies = [json.dumps(reported(event) if step == "stream" else event) for event in events]
    return [Message(body.encode(), "0", number) for number, body in enumerate(bodies)]
