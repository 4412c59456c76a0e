"""Request units of final events that arrive within seconds, by the size of a commit."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from benchmarks.arrivals import Moment, arrivals, at, request_id, subject
from benchmarks.batches import Charges
from benchmarks.charged import Charged, units_of
from benchmarks.events import NOW
from metering.app.hubs.batch import Message
from metering.bootstrap import App
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import HOUR, MINUTE, SECOND
from metering.core.calendars.periods import SLOT
from metering.core.ledger.commit import MAX_SLOTS
from metering.core.ledger.head import RECENT_PAGES
from metering.settings.settings import CosmosStore, Settings

if TYPE_CHECKING:
    from tests.doubles.cosmos import CosmosPeer

TENANTS: Final = 5
#: Sizes whose charges the simulation of batches takes.
SIZES: Final = (1, 2, 5, 10, 50, 200, 1_000)
#: Requests of all tenants together.
_PER_SECOND: Final = 100
_START: Final = NOW - HOUR + MINUTE
#: Commits of each tenant that are counted; more than a checkpoint apart.
_COMMITS: Final = 32


def messages(bodies: Sequence[bytes]) -> list[Message]:
    """Return a batch of a hub."""
    return [Message(body, "0", row) for row, body in enumerate(bodies)]


async def fill_heads(app: App, of_tenants: int) -> None:
    """Give every ledger so many pages of earlier slots that its head has its full size."""
    (one,) = arrivals(NOW, 1, 10, 1)[:1]
    for tenant in range(of_tenants):
        bodies = [
            json.dumps(
                at(one.event, NOW - 2 * HOUR - back * SLOT)
                | {"id": f"fill-{back}", "subject": subject(tenant)}
            ).encode()
            for back in range(RECENT_PAGES + MAX_SLOTS)
        ]
        for first in range(0, len(bodies), MAX_SLOTS):
            await app.ingest.batch(messages(bodies[first : first + MAX_SLOTS]))
    await app.register.flush()


async def final_events(peer: "CosmosPeer", size: int, together: int = 1) -> Charged:
    """Return what final events are charged in commits of `size`, `together` tenants a batch."""
    peer.clear()
    clock = Moment(_START)
    app = App(Settings(CosmosStore(peer.url, "metering", peer.key)))
    app.clock = clock
    batches = _batches(size, together, max(4, min(_COMMITS, 4_000 // size)) + 1)
    first = TENANTS // together
    try:
        await app.stores.prepare()
        await fill_heads(app, TENANTS)
        before = accepted = 0
        for number, batch in enumerate(batches):
            if number == first:
                await app.register.flush()
                before, accepted = len(peer.requests), 0
            clock.at += len(batch) * SECOND // _PER_SECOND
            accepted += (await app.ingest.batch(messages(batch))).accepted
        await app.register.flush()
        units = units_of(peer.requests[before:])
    finally:
        await app.close()
    events = sum(map(len, batches[first:]))
    if accepted != events:
        raise MeteringError(f"{accepted} of {events} events were accepted")
    return Charged("metering, final events", size, events, units)


def _batches(size: int, together: int, turns: int) -> list[list[bytes]]:
    """Return batches in which each of so many tenants has `size` events, one after the other."""
    events = [one.event for one in arrivals(_START, _PER_SECOND, 50, 1)]
    owners = [
        range(group, group + together)
        for _ in range(turns)
        for group in range(0, TENANTS, together)
    ]
    requests = ((turn, tenant) for turn, group in enumerate(owners) for tenant in group)
    batches: list[list[bytes]] = [[] for _ in owners]
    for number, (turn, tenant) in enumerate(request for request in requests for _ in range(size)):
        time = _START + number * SECOND // _PER_SECOND
        event = at(events[number % len(events)], time)
        event |= {"id": request_id(number), "subject": subject(tenant)}
        batches[turn].append(json.dumps(event).encode())
    return batches


def measured_charges() -> Charges:
    """Measure what the simulation of batches takes for the charge of a batch and of its commits."""
    from tests.doubles.cosmos import CosmosPeer  # noqa: PLC0415, needs what only tests need

    with CosmosPeer() as peer:
        return asyncio.run(_charges(peer))


async def _charges(peer: "CosmosPeer") -> Charges:
    units = {size: (await final_events(peer, size)).per_thousand * size / 1_000 for size in SIZES}
    together = (await final_events(peer, 1, TENANTS)).per_thousand * TENANTS / 1_000
    # Five commits in one batch, against one of each.
    batch = max(0.0, units[1] - (together - units[1]) / (TENANTS - 1))
    return Charges(round(batch, 2), {size: round(ru - batch, 2) for size, ru in units.items()})
