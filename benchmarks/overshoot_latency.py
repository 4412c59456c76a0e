"""The latency of admission, and the delay until events are in the balance."""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import Final, NamedTuple

from benchmarks.overshoot_clients import MODEL, SUBSCRIPTION
from benchmarks.overshoot_system import TENANT, capped_system, send_usage
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.plans.scope import Attributes
from metering.local.system import LocalSystem

#: A limit that is never reached, in units of 10^-18.
_NO_LIMIT: Final = 10**24
_CALLS: Final = 10_000
_EVENTS: Final = 800
_EVENTS_A_SECOND: Final = 200
_LOOK_S: Final = 0.002


class Latency(NamedTuple):
    """The time of each, in seconds, shortest first."""

    admission: Sequence[float]
    visible: Sequence[float]


def percentile(values: Sequence[float], share: int) -> float:
    """Return the value that `share` per cent of sorted values do not exceed."""
    return values[max(0, -(-len(values) * share // 100) - 1)]


async def measure_latency() -> Latency:
    """Measure both on a system of their own."""
    async with capped_system(_NO_LIMIT) as system:
        visible = await _visible(system)
        return Latency(sorted(await _admission(system)), sorted(visible))


async def _admission(system: LocalSystem) -> list[float]:
    """Return what each of many calls in a row took: all but one a second are answered at once."""
    about, taken = Attributes(MODEL), []
    for _ in range(_CALLS):
        start = perf_counter()
        await system.app.admission.of(SUBSCRIPTION, about)
        taken.append(perf_counter() - start)
    return taken


async def _visible(system: LocalSystem) -> list[float]:
    """Return how long each event took from its sending until the head had it.

    They are of one partition, so the head has them in the order in which they were sent.
    """
    ledger = LedgerId(TENANT, month_of(system.app.clock.now()).start)
    sent: deque[float] = deque()
    sending = asyncio.create_task(_send(system, sent))
    taken: list[float] = []
    while len(taken) < _EVENTS:
        await asyncio.sleep(_LOOK_S)
        stored = await system.app.ledgers.read_head(ledger)
        now = perf_counter()
        seen = 0 if stored is None else sum(line.requests for line in stored.head.lines.values())
        taken += [now - sent.popleft() for _ in range(seen - len(taken))]
    await sending
    return taken


async def _send(system: LocalSystem, sent: deque[float]) -> None:
    start = perf_counter()
    for number in range(_EVENTS):
        await asyncio.sleep(max(0, start + number / _EVENTS_A_SECOND - perf_counter()))
        sent.append(perf_counter())
        send_usage(system, number, 1, system.app.clock.now())
