"""Live traffic: the trace's requests at a steady rate, as if they were being made now."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from metering.app.ingest import USAGE_HUB
from metering.core.instants import Instant
from metering.local.system import LocalSystem
from metering.local.trace import TraceRow
from metering.local.traffic import Request, assign, body, disorder

_TICK_S: Final = 0.1


async def send_live(system: LocalSystem, rows: Sequence[TraceRow], per_second: float) -> None:
    """Send events until cancelled: about `per_second` of them, repeats and disorder included."""
    clock = system.app.clock
    start = clock.now()
    requests = _for_ever(rows)
    due = 0.0
    while True:
        due += per_second * _TICK_S
        events = []
        while due >= 1:
            due -= 1
            number, request = next(requests)
            # A repeat must carry the time of the first: it is the request's, not the sending's.
            time = start + _offset(number, request, rows, per_second)
            events.append((body(request, time, f"live-{start}-{number}"), request.subscription))
        if events:
            system.hub.send(USAGE_HUB, events)
        await asyncio.sleep(_TICK_S)


def _for_ever(rows: Sequence[TraceRow]) -> Iterator[tuple[int, Request]]:
    """Yield the trace's requests over and over, with the number of the round."""
    requests = [assign(row) for row in rows]
    number = 0
    while True:
        for request in disorder(requests):
            yield number, request
        number += 1


def _offset(number: int, request: Request, rows: Sequence[TraceRow], per_second: float) -> Instant:
    """Return when a request is made, after the start: evenly spaced, in the trace's order."""
    position = number * len(rows) + request.row.number
    return int(position / per_second * 1_000_000)
