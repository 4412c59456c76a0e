"""Rolling up on Cosmos DB under faults on the wire: usage stays what the pages give."""

from collections.abc import AsyncIterator

import pytest

from metering.bootstrap import stores_for
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY
from metering.settings.settings import CosmosStore
from tests.app.committing import commit
from tests.app.rolling import cursor_page, faults, usage_is_exact
from tests.builders import AT, usage
from tests.doubles.cosmos import CosmosPeer, Fault
from tests.systems import System

ROUNDS = 12
FAULTS = {
    "lost answer": Fault(what="succeed_then_time_out", kind="batch", container="rollups", hold_s=0),
    "unavailable": Fault(what="fail_before", kind="batch", container="rollups", status=500),
    "dropped": Fault(what="drop_connection", kind="batch", container="rollups"),
    "stale cursor": Fault(what="stale_read", kind="read", container="rollups", item="cursor"),
    "lagging parts": Fault(what="lagging_query", kind="query", container="rollups", times=1),
    "lagging pages": Fault(what="lagging_query", kind="query", container="ledgers", times=1),
}


@pytest.fixture
async def system() -> AsyncIterator[System]:
    with CosmosPeer() as peer:
        stores = stores_for(CosmosStore(peer.url, "metering", peer.key))
        await stores.prepare()
        made = System(stores)
        made.peer = peer  # type: ignore[attr-defined]
        yield made
        await stores.close()


@pytest.mark.parametrize("name", FAULTS)
async def test_whatever_the_wire_does_usage_is_what_the_pages_give(
    system: System, name: str
) -> None:
    peer: CosmosPeer = system.peer  # type: ignore[attr-defined]
    for number in range(ROUNDS):
        await commit(system, usage(f"r-{number}", time=AT - number % 3 * DAY))
        peer.faults.add(FAULTS[name])
        try:
            await system.roll_up.run()
        except RetryableError:
            pass
        finally:
            peer.faults.clear()
        assert await usage_is_exact(system)
        if "page" not in name:
            # Pages that lag are missed by whoever reads pages, with a rollup or without one.
            peer.faults.add(FAULTS[name])
            assert await usage_is_exact(system)
            peer.faults.clear()
    for _ in range(4):
        await system.roll_up.run()
    assert await cursor_page(system) == ROUNDS
    assert system.rollups.resets == 0
    assert await faults(system) == ()
    assert not any(request.unindexed for request in peer.requests)
