"""Request units of 1,000 events: ours and the usual design, on the peer of the tests."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import streams_traffic
from benchmarks.charged import Charged, units_of
from benchmarks.events import NOW, Batch, loads
from benchmarks.timing import Progress
from metering.app.ingest.ingest import Message
from metering.bootstrap import App
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import format_instant, parse_instant
from metering.core.calendars.periods import SLOT
from metering.core.ledger.commit import MAX_SLOTS
from metering.core.ledger.head import RECENT_PAGES
from metering.local.demo.traffic import SUBSCRIPTIONS
from metering.settings.settings import CosmosStore, Settings

if TYPE_CHECKING:
    from tests.doubles.cosmos import CosmosPeer

SIZES: Final = (1, 2, 5, 10, 50, 200, 1_000)
"""Events of one tenant in one batch."""
WRITERS: Final = 4
SHARED_SIZES: Final = (50, 200)
"""The same, where several processes write to each ledger."""

#: Events of a tenant that a line takes in, at most; in few enough batches to be done in seconds.
_EVENTS: Final = 1_000
_BATCHES: Final = 40
#: Events of a tenant for each writer of several: a few batches each.
_SHARED_EVENTS: Final = 200
#: Events of the usual design: each costs the same.
_USUAL_EVENTS: Final = 300

type Shares = list[list[Batch]]
"""Batches by writer."""


def measure(trace: Path | None, progress: Progress) -> dict[str, Charged]:
    """Return what every line was charged; ModuleNotFoundError where the peer's server is missing.

    The lines of the usual design come last.
    """
    from tests.doubles.cosmos import CosmosPeer  # noqa: PLC0415, needs what only tests need

    tenants = tenants_of(trace)
    found: dict[str, Charged] = {}
    with CosmosPeer() as peer:
        for size in SIZES:
            progress(f"request units, {size} events a batch")
            found[f"one_writer_{size}"] = asyncio.run(_alone(peer, tenants, size))
        for size in SHARED_SIZES:
            progress(f"request units, {size} events a batch, {WRITERS} writers")
            for key, way in (("turns", _in_turns), ("at_once", _at_once)):
                found[f"writers_{key}_{size}"] = asyncio.run(_shared(peer, tenants, size, way))
        progress("request units, streams")
        found |= asyncio.run(streams_traffic.measure(peer, tenants))
        progress("request units, the usual design")
        found |= asyncio.run(_usual(peer, tenants))
    return found


def tenants_of(trace: Path | None) -> list[Batch]:
    """Return every tenant's events in order of time: those that the other benchmarks take in."""
    alone, _ = loads(trace)
    count = len(SUBSCRIPTIONS)
    return [
        [body for batch in (alone.warm[tenant], *alone.timed[tenant::count]) for body in batch]
        for tenant in range(count)
    ]


async def _alone(peer: "CosmosPeer", tenants: Sequence[Batch], size: int) -> Charged:
    turns = 1 + min(_BATCHES, _EVENTS // size)
    batches = [batch for turn in _turns(tenants, size, turns) for batch in turn]
    first = len(tenants)
    return await _measured(
        peer, "metering", tenants, size, [[batches[:first]], [batches[first:]]], _in_turns
    )


type Way = Callable[[Sequence[App], Shares], Awaitable[int]]
"""Lets the writers take in their shares; returns how many events were accepted."""


async def _shared(peer: "CosmosPeer", tenants: Sequence[Batch], size: int, way: Way) -> Charged:
    rounds = _SHARED_EVENTS // size
    turns = _turns(tenants, size, (1 + rounds) * WRITERS)
    shares = [
        [[batch for turn in part[writer::WRITERS] for batch in turn] for writer in range(WRITERS)]
        for part in (turns[:WRITERS], turns[WRITERS:])
    ]
    name = f"metering, {WRITERS} writers {'in turns' if way is _in_turns else 'at once'}"
    return await _measured(peer, name, tenants, size, shares, way)


def _turns(tenants: Sequence[Batch], size: int, turns: int) -> list[list[Batch]]:
    """Return so many turns, each with the next batch of every tenant."""
    return [
        [bodies[start : start + size] for bodies in tenants]
        for start in range(0, turns * size, size)
    ]


async def _measured(
    peer: "CosmosPeer",
    name: str,
    tenants: Sequence[Batch],
    size: int,
    shares: Sequence[Shares],
    way: Way,
) -> Charged:
    """Take in the first shares, then the second ones and count what these are charged."""
    peer.clear()
    warm, timed = shares
    store = CosmosStore(peer.url, "metering", peer.key)
    apps = [App(Settings(store, fixed_now=NOW)) for _ in timed]
    try:
        await apps[0].stores.prepare()
        await _fill_heads(apps[0], tenants)
        await _in_turns(apps, warm)
        # What was noted of the events before is not a cost of those that are measured.
        for app in apps:
            await app.register.flush()
        before = len(peer.requests)
        accepted = await way(apps, timed)
        for app in apps:
            await app.register.flush()
    finally:
        for app in apps:
            await app.close()
    events = sum(len(batch) for share in timed for batch in share)
    if accepted != events:
        raise MeteringError(f"{accepted} of {events} events were accepted")
    return Charged(name, size, events, units_of(peer.requests[before:]))


async def _fill_heads(app: App, tenants: Sequence[Batch]) -> None:
    """Make so many pages of earlier slots that every head has its full size."""
    batches = -(-RECENT_PAGES // MAX_SLOTS)
    for bodies in tenants:
        earlier = [
            _earlier(body, back) for back, body in enumerate(bodies[: batches * MAX_SLOTS], 1)
        ]
        for start in range(0, len(earlier), MAX_SLOTS):
            await app.ingest.batch(_messages(earlier[start : start + MAX_SLOTS]))


def _earlier(body: bytes, back: int) -> bytes:
    """Return the event with an id of its own and so many slots earlier."""
    event = json.loads(body)
    time = format_instant(parse_instant(event["time"]) - (back + 2) * SLOT)
    return json.dumps({**event, "id": f"fill-{back}", "time": time}).encode()


def _messages(batch: Batch) -> list[Message]:
    return [Message(body, "0", row) for row, body in enumerate(batch)]


async def _in_turns(apps: Sequence[App], shares: Shares) -> int:
    accepted = 0
    for turn in zip(*shares, strict=True):
        for app, batch in zip(apps, turn, strict=False):
            accepted += (await app.ingest.batch(_messages(batch))).accepted
    return accepted


async def _at_once(apps: Sequence[App], shares: Shares) -> int:
    async def all_of(app: App, batches: Sequence[Batch]) -> int:
        return sum([(await app.ingest.batch(_messages(batch))).accepted for batch in batches])

    return sum(await asyncio.gather(*map(all_of, apps, shares)))


async def _usual(peer: "CosmosPeer", tenants: Sequence[Batch]) -> dict[str, Charged]:
    from benchmarks.usual import UsualDesign  # noqa: PLC0415, the SDK takes long to import

    bodies = [body for turn in zip(*tenants, strict=True) for body in turn][:_USUAL_EVENTS]
    found: dict[str, Charged] = {}
    for together in (False, True):
        peer.clear()
        design = UsualDesign(CosmosStore(peer.url, "metering", peer.key))
        try:
            await design.prepare([name for name, _ in SUBSCRIPTIONS])
            before = len(peer.requests)
            for body in bodies:
                await (design.count_together if together else design.count)(body)
        finally:
            await design.close()
        name = f"usual design, {'one transaction' if together else 'two requests'} an event"
        key = f"usual_{'transaction' if together else 'requests'}"
        found[key] = Charged(name, 1, len(bodies), units_of(peer.requests[before:]))
    return found
