"""Live traffic: the requests of the trace at a steady rate, with current timestamps."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

from metering.app.ingest.ingest import USAGE_HUB
from metering.core.basics.instants import Instant
from metering.local.demo.trace import TraceRow
from metering.local.demo.traffic import assign, body, disorder
from metering.local.system import LocalSystem
from metering.ports import Outgoing

_TICK_S: Final = 0.1


async def send_live(system: LocalSystem, rows: Sequence[TraceRow], per_second: float) -> None:
    """Send about `per_second` events until cancelled, with duplicates and out of order."""
    source = live_events(rows, system.app.clock.now(), per_second)
    due = 0.0
    while True:
        due += per_second * _TICK_S
        events = []
        while due >= 1:
            due -= 1
            events.append(next(source))
        if events:
            system.hub.send(USAGE_HUB, events)
        await asyncio.sleep(_TICK_S)


def live_events(
    rows: Sequence[TraceRow], start: Instant, per_second: float, tenants: int | None = None
) -> Iterator[Outgoing]:
    """Yield the requests of the trace repeatedly with their subjects, evenly spaced from `start`.

    With `tenants` the subjects are sim-000001 and on, the first ones the busiest.
    """
    requests = [assign(row) for row in rows]
    for round_ in count():
        for request in disorder(requests):
            position = round_ * len(rows) + request.row.number
            subject = request.subscription if tenants is None else _tenant(position, tenants)
            # A repeat must carry the time of the first: it is the request's, not the sending's.
            time = start + int(position / per_second * 1_000_000)
            made = request._replace(subscription=subject)
            yield body(made, time, f"live-{start}-{round_}"), subject


def _tenant(position: int, tenants: int) -> str:
    digest = hashlib.sha256(f"tenant {position}".encode()).digest()
    # The square of an even share: half of the requests are those of a quarter of the tenants.
    share = int.from_bytes(digest[:4])
    return f"sim-{(share * share * tenants >> 64) + 1:06d}"
