"""Streams on Cosmos DB: what they cost there, what lapses, and what a lagging query does."""

from collections.abc import AsyncIterator, Iterator

import pytest

from metering.bootstrap import stores_for
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE
from metering.core.calendars.periods import month_of
from metering.core.streams.lifetimes import REGISTER_TTL_S
from metering.settings.settings import CosmosStore
from tests.builders import AT, NOW, body
from tests.doubles.cosmos import CosmosPeer, Fault
from tests.gateway_logs import llm_record, log, take_in
from tests.systems import System

PENDING = body(data__tokens="pending", data__usage=None, data__hold={"max_output_tokens": 9})
LOG = log(llm_record())


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as made:
        yield made


@pytest.fixture
def peer(shared_peer: CosmosPeer) -> CosmosPeer:
    shared_peer.clear()
    return shared_peer


@pytest.fixture
async def system(peer: CosmosPeer) -> AsyncIterator[System]:
    stores = stores_for(CosmosStore(peer.url, "metering", peer.key))
    await stores.prepare()
    yield System(stores)
    await stores.close()


def asked(peer: CosmosPeer) -> list[tuple[str, float]]:
    """Return kind and request units of every request to `registers`."""
    return [
        (request.kind, request.charge)
        for request in peer.requests
        if request.container == "registers" and request.kind not in {"metadata", "plan"}
    ]


async def requests(system: System) -> tuple[int, int, int]:
    balance = await system.read.balance("sub-1", month_of(AT))
    return balance.total.requests, balance.total.missing, balance.held_requests


async def test_what_a_stream_costs_alone(peer: CosmosPeer, system: System) -> None:
    await take_in(system.ingest, PENDING)
    await take_in(system.join, LOG)
    # File the report and look for its row, then for the report of the row, which is returned. A
    # process that has just started reads each of five or six slots on its own, on two partitions.
    queries = [charge for kind, charge in asked(peer) if kind == "query"]
    assert (asked(peer)[0], sorted(queries)) == (("create", 4.95), [2.3] * 21 + [3.3])
    assert await requests(system) == (1, 0, 0)


async def test_log_rows_of_final_requests_cost_one_look(peer: CosmosPeer, system: System) -> None:
    await take_in(system.ingest, *(body(id=f"r-{number}") for number in range(500)))
    rows = [
        log(*(llm_record(f"r-{n}") for n in range(start, start + 20)))
        for start in range(0, 500, 20)
    ]
    await take_in(system.join, *rows)
    # Their ids, filed by ingestion: 10 KB. One look at five slots on two partitions finds them.
    queries = sorted(charge for kind, charge in asked(peer) if kind == "query")
    assert (asked(peer)[0], queries) == (("create", 6.66), [2.3] * 9 + [3.44])
    before = len(asked(peer))
    await take_in(system.join, *rows)
    assert len(asked(peer)) == before


async def test_documents_lapse_after_eight_days_by_themselves(
    peer: CosmosPeer, system: System
) -> None:
    await take_in(system.ingest, PENDING)
    await take_in(system.join, log(llm_record("r-2")))
    await system.register.store.forget(NOW + 100 * DAY)
    peer.clock.advance(REGISTER_TTL_S - 1)
    assert len(peer.documents("metering", "registers")) == 2
    peer.clock.advance(1)
    assert peer.documents("metering", "registers") == []


async def test_a_slot_is_spread_over_partitions(peer: CosmosPeer, system: System) -> None:
    for number in range(40):
        await take_in(system.ingest, PENDING.replace(b"r-1", b"r-%d" % number))
    found = peer.documents("metering", "registers")
    assert len({document["shard"] for document in found}) > 4
    assert len({document["place"] for document in found}) == 1


async def test_a_row_that_a_lagging_query_missed_is_joined_by_the_timer(
    peer: CosmosPeer, system: System
) -> None:
    stores = stores_for(CosmosStore(peer.url, "metering", peer.key))
    await take_in(System(stores).join, LOG)
    await stores.close()
    peer.faults.add(Fault(what="lagging_query", container="registers", times=10))
    await take_in(system.ingest, PENDING)
    assert await requests(system) == (0, 0, 1)
    system.clock.set(NOW + 15 * MINUTE)
    assert await system.recover.run() == (0, 0)
    assert await requests(system) == (1, 0, 0)


async def test_a_container_that_is_not_there_is_named(peer: CosmosPeer, system: System) -> None:
    await take_in(system.join, LOG)
    peer.faults.add(
        Fault(what="fail_before", container="registers", kind="create", status=404, substatus=1003)
    )
    with pytest.raises(ConfigurationError, match="registers: does not exist"):
        await take_in(system.ingest, PENDING)
