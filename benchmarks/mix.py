"""The working mix: finals and streams of many tenants, the log of everything, several instances.

What happens is simulated in the order of its times; every invocation is the real one, on the double
of Cosmos DB, and takes as long as its requests to the store one after the other.
"""

import json
from bisect import insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import batched
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from benchmarks.arrivals import Arrival, Moment, arrivals
from benchmarks.charged import Charged, units_of
from benchmarks.events import NOW, log_row, reported
from benchmarks.finals import fill_heads
from metering.app.hubs.batch import LOGS_HUB, USAGE_HUB, Message
from metering.bootstrap import App
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import MINUTE, SECOND, Instant
from metering.core.hubs.batch_wait import DEFAULT_WAIT, wait_after
from metering.ports import Outgoing
from metering.settings.settings import CosmosStore, Settings

if TYPE_CHECKING:
    from tests.doubles.cosmos import CosmosPeer

PER_SECOND: Final = 100
TENANTS: Final = 40
PARTITIONS: Final = 8
STREAMS: Final = 70
"""Of 100 requests."""
INSTANCES: Final = 2
"""Of each of the two functions, which scale apart: four in all."""

#: Simulated before requests are counted, until logs of the first ones are there, and counted.
_WARM_S: Final = 65
_COUNTED_S: Final = 60
#: The log of a request reaches its hub so long after its beginning, in events of so many rows.
_LOG_DELAY: Final[Instant] = 60 * SECOND
_RECORDS_AN_EVENT: Final = 20
#: As in benchmarks/batches.py.
_GATHER: Final[Instant] = SECOND // 50
_STORE: Final[Instant] = SECOND // 100
_MOST: Final = 1_000

_START: Final = NOW - 20 * MINUTE
_FIRST: Final = _START + _WARM_S * SECOND
_END: Final = _FIRST + _COUNTED_S * SECOND


class Mixed(NamedTuple):
    """The result of one run of the mix."""

    charged: Charged
    by_container: dict[str, float]
    """Request units for 1,000 requests, by container."""
    delays: list[Instant]
    """From an event's arrival in the hub `usage` to its commit, sorted."""
    counted: list[Instant]
    """From the log of a stream in its hub to the commit of its tokens, sorted."""


class Place(NamedTuple):
    """A partition of a hub."""

    hub: str
    partition: int


@dataclass(slots=True)
class _Queue:
    """One partition: what has arrived, in order, and the state of its pump."""

    events: list[tuple[Instant, bytes]] = field(default_factory=list)
    taken: int = 0
    free: Instant = 0
    last: Instant | None = None
    is_due: bool = False


@dataclass(slots=True)
class Simulation:
    """Hubs, their partitions, and the instances that read them."""

    peer: "CosmosPeer"
    apps: dict[str, list[App]]
    clock: Moment
    queues: defaultdict[Place, _Queue] = field(default_factory=lambda: defaultdict(_Queue))
    due: list[tuple[Instant, Place]] = field(default_factory=list)
    published: list[bytes] = field(default_factory=list)
    """Events that the running invocation has published."""
    logged: dict[str, Instant] = field(default_factory=dict)
    """When the log of a stream was in its hub."""
    before: int = 0
    """The store's requests before the counted time."""
    delays: list[Instant] = field(default_factory=list)
    counted: list[Instant] = field(default_factory=list)

    def send(self, place: Place, at: Instant, body: bytes) -> None:
        """Put an event into a partition."""
        queue = self.queues[place]
        insort(queue.events, (at, body), lo=queue.taken)
        if not queue.is_due:
            self._plan(place, queue)

    def _plan(self, place: Place, queue: _Queue) -> None:
        queue.is_due = queue.taken < len(queue.events)
        if queue.is_due:
            first = queue.events[queue.taken][0]
            at = queue.free if first <= queue.free else first + _GATHER
            heappush(self.due, (at, place))

    async def run(self) -> None:
        """Run invocations in the order of their times until the counted time is over."""
        while self.due:
            at, place = heappop(self.due)
            if at >= _END:
                return
            if not self.before and at >= _FIRST:
                self.before = len(self.peer.requests)
            await self._invoke(at, place)

    async def _invoke(self, at: Instant, place: Place) -> None:
        queue = self.queues[place]
        upto = queue.taken
        while upto < min(len(queue.events), queue.taken + _MOST) and queue.events[upto][0] <= at:
            upto += 1
        batch = queue.events[queue.taken : upto]
        app = self.apps[place.hub][place.partition % INSTANCES]
        self.clock.at = at
        self.peer.clock.seconds = at // SECOND
        asked = len(self.peer.requests)
        messages = [
            Message(body, str(place.partition), queue.taken + row)
            for row, (_, body) in enumerate(batch)
        ]
        use_case = app.ingest if place.hub == USAGE_HUB else app.join_usage
        await use_case.batch(messages)
        done = at + (len(self.peer.requests) - asked) * _STORE
        if place.hub == USAGE_HUB and at >= _FIRST:
            self._note(batch, done)
        for body in self.published:
            self.send(usage_partition(json.loads(body)["subject"]), done, body)
        self.published.clear()
        idle = None if queue.last is None else at - queue.last
        queue.taken, queue.free = upto, done + wait_after(len(batch), idle, DEFAULT_WAIT)
        queue.last = queue.free
        self._plan(place, queue)

    def _note(self, batch: Sequence[tuple[Instant, bytes]], done: Instant) -> None:
        for arrived, body in batch:
            self.delays.append(done - arrived)
            event = json.loads(body)
            logged = self.logged.get(event["id"])
            if logged is not None and event["data"]["tokens"] == "final":
                self.counted.append(done - logged)


class _Hub:
    """Publishes into the simulation."""

    def __init__(self, published: list[bytes]) -> None:
        self._published = published

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Take events: they are in their partitions once the invocation has ended."""
        self._published.extend(body for body, _ in events)

    async def close(self) -> None:
        """Do nothing."""


def usage_partition(key: str) -> Place:
    """Return the partition of a subject."""
    return Place(USAGE_HUB, crc32(key.encode()) % PARTITIONS)


def is_stream(number: int) -> bool:
    """Say whether a request of the mix is a stream."""
    return number * 37 % 100 < STREAMS


async def measure(peer: "CosmosPeer") -> Mixed:
    """Return what the mix is charged, and how late balances are."""
    peer.clear()
    clock = Moment(_START)
    store = CosmosStore(peer.url, "metering", peer.key)
    every = [App(Settings(store, recovery_delay=15 * MINUTE)) for _ in range(2 * INSTANCES)]
    apps = {USAGE_HUB: every[:INSTANCES], LOGS_HUB: every[INSTANCES:]}
    simulation = Simulation(peer, apps, clock)
    for app in every:
        app.clock = clock
        app.publish_through(lambda _: _Hub(simulation.published))
    requests = arrivals(_START, PER_SECOND, _WARM_S + _COUNTED_S, TENANTS)
    try:
        await every[0].stores.prepare()
        await fill_heads(every[0], TENANTS)
        for at, place, body in sorted(_sent(requests, simulation)):
            simulation.send(place, at, body)
        await simulation.run()
    finally:
        for app in every:
            await app.close()
    return _mixed(simulation, sum(one.time >= _FIRST for one in requests))


def _sent(
    requests: Sequence[Arrival], simulation: Simulation
) -> Iterator[tuple[Instant, Place, bytes]]:
    """Yield what the gateway sends to both hubs."""
    for number, request in enumerate(requests):
        event = reported(request.event, streamed=True) if is_stream(number) else request.event
        body = json.dumps(event).encode()
        yield request.time, usage_partition(event["subject"]), body
    for number, part in enumerate(batched(enumerate(requests), _RECORDS_AN_EVENT, strict=False)):
        at = part[-1][1].time + _LOG_DELAY
        records = [log_row(request.event) for _, request in part]
        simulation.logged |= {request.event["id"]: at for row, request in part if is_stream(row)}
        body = json.dumps({"records": records}).encode()
        yield at, Place(LOGS_HUB, number % PARTITIONS), body


def _mixed(simulation: Simulation, requests: int) -> Mixed:
    asked = simulation.peer.requests[simulation.before :]
    if not simulation.counted:
        raise MeteringError("no stream of the mix was counted")
    by_container: defaultdict[str, float] = defaultdict(float)
    for request in asked:
        if request.kind != "metadata":
            by_container[request.container] += request.charge / requests * 1_000
    return Mixed(
        Charged("metering, working mix", 0, requests, units_of(asked)),
        {name: round(units, 1) for name, units in sorted(by_container.items())},
        sorted(simulation.delays),
        sorted(simulation.counted),
    )
