"""Streams on Cosmos DB: what a request costs there, what lapses, and what a lagging read does."""

from collections.abc import AsyncIterator, Iterator

import pytest

from metering.bootstrap import stores_for
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, SECOND
from metering.core.calendars.periods import month_of
from metering.core.streams.lifetimes import LOG_TTL_S
from metering.settings.settings import CosmosStore
from tests.builders import AT, body
from tests.doubles.cosmos import CosmosPeer, Fault
from tests.gateway_logs import gateway_record, llm_record, log, take_in
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


def units(peer: CosmosPeer) -> list[tuple[str, str, float]]:
    """Return kind, item and request units of every request to `pending`."""
    return [
        (request.kind, request.item, request.charge)
        for request in peer.requests
        if request.container == "pending" and request.kind not in {"metadata", "plan"}
    ]


async def test_a_stream_costs_12_request_units_in_pending(peer: CosmosPeer, system: System) -> None:
    await take_in(system.ingest, PENDING)
    await take_in(system.join, LOG)
    assert units(peer) == [
        ("create", "identity", 4.95),
        ("read", "tokens", 1.0),
        ("read", "identity", 1.0),
        ("delete", "identity", 4.95),
    ]
    assert peer.documents("metering", "pending") == []
    balance = await system.read.balance("sub-1", month_of(AT))
    assert (balance.total.requests, balance.held_requests) == (1, 0)


async def test_the_log_row_of_a_final_request_costs_8_request_units_and_lapses_by_itself(
    peer: CosmosPeer, system: System
) -> None:
    await take_in(system.ingest, body())
    await take_in(system.join, LOG)
    assert units(peer) == [
        ("read", "identity", 1.0),
        ("create", "tokens", 4.95),
        ("read", "identity", 1.0),
        ("read", "gateway", 1.0),
    ]
    peer.clock.advance(LOG_TTL_S - 1)
    assert len(peer.documents("metering", "pending")) == 1
    peer.clock.advance(1)
    assert peer.documents("metering", "pending") == []


async def test_an_identity_and_what_is_to_be_recovered_never_lapse(
    peer: CosmosPeer, system: System
) -> None:
    await take_in(system.ingest, PENDING)
    await take_in(system.join, log(llm_record("r-2"), gateway_record("r-2")))
    peer.clock.advance(10 * LOG_TTL_S)
    left = sorted(document["id"] for document in peer.documents("metering", "pending"))
    assert left == ["identity", "recovery"]
    system.clock.set(AT + 70 * DAY)
    assert await system.recover.run() == 1
    await system.expire.run()
    peer.clock.advance(LOG_TTL_S)
    assert peer.documents("metering", "pending") == []


async def test_forgetting_logs_is_left_to_the_service(peer: CosmosPeer, system: System) -> None:
    await take_in(system.join, LOG)
    await system.pending.forget_logs(system.clock.now() + DAY)
    assert len(peer.documents("metering", "pending")) == 1


async def test_a_half_that_a_lagging_read_missed_is_joined_by_the_timer(
    peer: CosmosPeer, system: System
) -> None:
    await take_in(system.join, LOG)
    peer.faults.add(Fault(what="stale_read", container="pending", item="tokens"))
    await take_in(system.ingest, PENDING)
    balance = await system.read.balance("sub-1", month_of(AT))
    assert (balance.total.requests, balance.held_requests) == (0, 1)
    system.clock.set(AT + DAY + SECOND)
    assert (await system.expire.run()).settled == 1
    balance = await system.read.balance("sub-1", month_of(AT))
    assert (balance.total.requests, balance.total.missing) == (1, 0)


async def test_a_container_that_is_not_there_is_named_and_no_missing_half(
    peer: CosmosPeer, system: System
) -> None:
    await take_in(system.join, LOG)
    peer.faults.add(
        Fault(what="fail_before", container="pending", kind="read", status=404, substatus=1003)
    )
    with pytest.raises(ConfigurationError, match="pending: does not exist"):
        await system.pending.read_halves("tokens", ["r-1"])
