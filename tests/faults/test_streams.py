"""Reports and log rows: a fault between any two steps, two hosts, repeats: each counted once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from metering.bootstrap import Stores, stores_for
from metering.core.basics.instants import DAY, MINUTE
from metering.settings.settings import CosmosStore, SqliteStore
from tests.builders import NOW, body
from tests.doubles.cosmos import CosmosPeer
from tests.faults.streams import Baton, Host, Trouble
from tests.gateway_logs import gateway_record, llm_record, log, take_in
from tests.systems import MovableClock

type Make = Callable[[], Stores]


def reported(name: str) -> bytes:
    return body(id=name, data__tokens="pending", data__usage=None)


#: r-1 and r-2 streams, r-3 final, r-4 never reported, r-5 a stream without a log row.
EVENTS = [*(reported(name) for name in ("r-1", "r-2", "r-5")), body(id="r-3")]
LOGS = [
    log(*(llm_record(name) for name in ("r-1", "r-3", "r-4"))),
    log(llm_record("r-2"), *(gateway_record(f"r-{number}") for number in range(1, 6))),
]
#: What each is worth in the end, in evidence.
EXPECTED = {"r-1": "TOTALS", "r-2": "TOTALS", "r-3": "FULL", "r-4": "RECOVERED", "r-5": "MISSING"}


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as made:
        yield made


@pytest.fixture(params=["sqlite", "cosmos"])
async def make(
    request: pytest.FixtureRequest, shared_peer: CosmosPeer, tmp_path: Path
) -> AsyncIterator[Make]:
    """Make connections to a store that is empty each time it is prepared."""
    made: list[Stores] = []
    names = iter(range(1_000))
    number = next(names)

    def connect() -> Stores:
        if request.param == "sqlite":
            made.append(stores_for(SqliteStore(tmp_path / f"{number}.db")))
        else:
            made.append(stores_for(CosmosStore(shared_peer.url, f"m{number}", shared_peer.key)))
        return made[-1]

    async def fresh() -> None:
        nonlocal number
        for stores in made:
            await stores.close()
        made.clear()
        shared_peer.clear()
        number = next(names)
        await connect().prepare()

    connect.fresh, connect.store = fresh, request.param  # type: ignore[attr-defined]
    yield connect
    for stores in made:
        await stores.close()


class World:
    """Two hosts over one store; what one could not finish the other does."""

    def __init__(self, make: Make, trouble: Trouble) -> None:
        self._make = make
        self.trouble = trouble
        self.clock = MovableClock(NOW)
        self.hosts = [Host(make(), self.clock, trouble) for _ in range(2)]
        self._turn = 0

    async def do(self, work: Callable[[Host], Awaitable[object]]) -> None:
        """Do something until it succeeds, each time on the other host; one that failed restarts."""
        for _ in range(4):
            self._turn += 1
            host = self.hosts[self._turn % 2]
            try:
                await work(host)
            except Exception:  # noqa: BLE001, whatever the fault becomes on its way
                self.hosts[self._turn % 2] = Host(self._make(), self.clock, self.trouble)
            else:
                return
        raise AssertionError("four attempts failed")

    async def story(self, first: str) -> None:
        """Deliver everything, let the timers come, and deliver everything again a week later."""
        await self._deliver(first)
        for later in (16 * MINUTE, DAY + 16 * MINUTE):
            self.clock.set(NOW + later)
            await self.do(lambda host: host.recover.run())
            await self.do(lambda host: host.expire.run())
        await self._deliver("logs" if first == "events" else "events")
        self.clock.set(NOW + 7 * DAY)
        await self._deliver(first)
        for later in (7 * DAY + 20 * MINUTE, 9 * DAY):
            self.clock.set(NOW + later)
            await self.do(lambda host: host.recover.run())
            await self.do(lambda host: host.expire.run())

    async def _deliver(self, first: str) -> None:
        async def events(host: Host) -> None:
            await take_in(host.ingest, *EVENTS)

        async def logs(host: Host) -> None:
            await take_in(host.join, *LOGS)

        for work in (events, logs) if first == "events" else (logs, events):
            await self.do(work)

    async def counted(self) -> dict[str, str]:
        """Return the evidence of each request, after proving the ledger."""
        host = Host(self._make(), self.clock, Trouble())
        (ledger,) = await host.verify.ledgers()
        assert (await host.verify.one(ledger)).faults == ()
        assert not (await host.dead_letters.count_dead_letters()).kept
        states = {}
        async for page in host.store.pages(ledger):
            for entry in page.entries:
                states[entry.id] = entry.state
        # Five requests, each with its amount once: 1,000 x 2.5 + 100 x 10 = 3,500 per million.
        head = await host.store.read_head(ledger)
        assert head is not None
        assert sum(line.requests for line in head.head.lines.values()) == 5
        assert head.head.amount == 4 * 3_500_000_000_000_000
        return {name: state.evidence.name for name, state in states.items()}


async def steps_of(make: Make, first: str) -> int:
    await make.fresh()  # type: ignore[attr-defined]
    world = World(make, Trouble())
    await world.story(first)
    assert await world.counted() == EXPECTED
    return world.trouble.step


def chosen(make: Make, steps: int) -> range:
    """Return the steps to disturb: all of them, or on Cosmos DB, which is slower, every eighth."""
    stride = 1 if make.store == "sqlite" else 8  # type: ignore[attr-defined]
    return range(1, steps + 1, stride)


@pytest.mark.parametrize("first", ["events", "logs"])
async def test_a_crash_or_lost_reply_at_any_step_changes_nothing(make: Make, first: str) -> None:
    steps = await steps_of(make, first)
    assert steps > 40
    for step in chosen(make, steps):
        await make.fresh()  # type: ignore[attr-defined]
        trouble = Trouble()
        trouble.fails_at = step
        world = World(make, trouble)
        await world.story(first)
        assert await world.counted() == EXPECTED, f"crash at step {step} of {steps}"


@pytest.mark.parametrize("first", ["events", "logs"])
async def test_a_query_that_lags_at_any_step_changes_nothing(make: Make, first: str) -> None:
    steps = await steps_of(make, first)
    for step in chosen(make, steps):
        await make.fresh()  # type: ignore[attr-defined]
        trouble = Trouble()
        trouble.lags_at = step
        world = World(make, trouble)
        await world.story(first)
        assert await world.counted() == EXPECTED, f"lag at step {step} of {steps}"


async def test_every_interleaving_of_report_and_row_joins_them_at_once(make: Make) -> None:
    """No timer comes: of report and row, whichever is filed second sees the other."""
    # The steps of ingestion: file, commit, look; those of the join: look, file, look.
    for turns in combinations(range(6), 3):
        await make.fresh()  # type: ignore[attr-defined]
        order = ["ingest" if number in turns else "join" for number in range(6)]
        clock, baton = MovableClock(NOW), Baton(order)
        one, other = (Host(make(), clock, baton.of(name)) for name in ("ingest", "join"))

        async def run(name: str, work: Awaitable[object], baton: Baton = baton) -> None:
            await work
            await baton.leave(name)

        await asyncio.gather(
            run("ingest", take_in(one.ingest, reported("r-1"))),
            run("join", take_in(other.join, log(llm_record("r-1")))),
        )
        (ledger,) = await one.verify.ledgers()
        fresh = Host(make(), clock, Trouble())
        head = await fresh.store.read_head(ledger)
        assert head is not None
        assert sum(line.requests for line in head.head.lines.values()) == 1, order
        assert head.head.holds == {}, order
