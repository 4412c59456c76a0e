"""Backlogs on a store that throttles: every attempt gets further, and nothing is done twice."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from metering.app.hubs.batch import Message, Tally
from metering.bootstrap import stores_for
from metering.core.basics.errors import RetryableError
from metering.core.calendars.periods import month_of
from metering.settings.settings import CosmosStore
from tests.builders import AT, body
from tests.doubles.cosmos import CosmosPeer, Fault, RequestInfo
from tests.gateway_logs import llm_record, log
from tests.systems import System

#: The throughput that Bicep gives `ledgers`, and all other containers together.
LEDGERS_A_SECOND = 10_000
OTHERS_A_SECOND = 4_000


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as made:
        yield made


@pytest.fixture
def peer(shared_peer: CosmosPeer) -> CosmosPeer:
    shared_peer.clear()
    return shared_peer


@pytest.fixture
async def connect(peer: CosmosPeer) -> AsyncIterator[Callable[[], System]]:
    made = []

    def make() -> System:
        made.append(stores_for(CosmosStore(peer.url, "metering", peer.key)))
        return System(made[-1])

    yield make
    for stores in made:
        await stores.close()


class Budget:
    """Throttles some requests in a row each time the throughput of a second is used up.

    `ledgers` has a throughput of its own, as in Bicep; `only` names the container that is short.
    """

    def __init__(self, peer: CosmosPeer, only: str, units: float, in_a_row: int) -> None:
        self._peer = peer
        self._only = only
        self._units = units
        self._in_a_row = in_a_row
        self._seen = len(peer.requests)
        self._used = 0.0
        self._left = 0
        self.throttled = 0

    def __call__(self, request: RequestInfo) -> Fault | None:
        if request.container != self._only or request.kind in {"metadata", "plan"}:
            return None
        # The last one is this request, which has no charge yet.
        done = self._peer.requests[self._seen : -1]
        self._seen += len(done)
        self._used += sum(one.charge for one in done if one.container == self._only)
        if self._used >= self._units:
            self._used, self._left = 0.0, self._in_a_row
        if self._left:
            self._left -= 1
            self.throttled += 1
            return Fault(what="throttle", retry_after_ms=1)
        return None


async def attempts(work: Callable[[], Awaitable[Tally]]) -> tuple[int, Tally]:
    """Repeat a batch as the host does, until it succeeds; return how often it was tried."""
    for attempt in range(1, 100):
        try:
            return attempt, await work()
        except RetryableError:
            continue
    raise AssertionError("a hundred attempts failed")


def messages(bodies: list[bytes]) -> list[Message]:
    return [Message(content, "0", number) for number, content in enumerate(bodies)]


async def test_a_backlog_of_20_000_log_rows_is_through_within_a_few_attempts(
    peer: CosmosPeer, connect: Callable[[], System]
) -> None:
    counting, joining = connect(), connect()
    await counting.app.stores.prepare()
    # Of ten requests three are streams, six final, and one was reported by nobody.
    names = [f"r-{number}" for number in range(20_000)]
    streams = [name for number, name in enumerate(names) if number % 10 < 3]
    finals = [name for number, name in enumerate(names) if 3 <= number % 10 < 9]
    for start in range(0, len(finals), 1_000):
        await counting.ingest.batch(
            messages([body(id=name) for name in finals[start : start + 1_000]])
        )
    for start in range(0, len(streams), 1_000):
        held = {"data__tokens": "pending", "data__usage": None}
        await counting.ingest.batch(
            messages([body(id=name, **held) for name in streams[start : start + 1_000]])
        )
    await counting.register.flush()
    events = [
        log(*(llm_record(name) for name in names[start : start + 20]))
        for start in range(0, len(names), 20)
    ]
    assert len(events) == 1_000
    # Others take most of the throughput; the SDK repeats a throttled request five times.
    budget = Budget(peer, "registers", OTHERS_A_SECOND / 20, 20)
    peer.faults.schedule(budget)
    tried, tally = await attempts(lambda: joining.join.batch(messages(events)))
    peer.faults.schedule(None)
    assert budget.throttled >= 100
    assert tried < 10
    assert tally == Tally(accepted=20_000)
    assert len(joining.publisher.events) == len(streams)
    balance = await joining.read.balance("sub-1", month_of(AT))
    assert (balance.total.requests, balance.held_requests) == (18_000, 0)
    assert (await joining.count_streams.run()).recovering == 2_000


async def test_1_000_events_of_1_000_tenants_are_through_within_a_few_attempts(
    peer: CosmosPeer, connect: Callable[[], System]
) -> None:
    system = connect()
    await system.app.stores.prepare()
    events = [body(id=f"r-{number}", subject=f"sub-{number}") for number in range(1_000)]
    budget = Budget(peer, "ledgers", LEDGERS_A_SECOND / 2, 200)
    peer.faults.schedule(budget)
    progress: list[int] = []

    async def work() -> Tally:
        try:
            return await system.ingest.batch(messages(events))
        finally:
            progress.append(system.store.commits)

    tried, tally = await attempts(work)
    peer.faults.schedule(None)
    assert 1 < tried < 20
    assert tally == Tally(accepted=1_000)
    # No ledger is written again: not for its events, nor to note that they came again.
    assert system.store.commits < 1_000 + 16 * tried
    assert progress == sorted(set(progress))
    assert len(await system.verify.ledgers()) == 1_000
