"""One behavioural suite, every store: what a port promises does not depend on who keeps it.

With METERING_TEST_COSMOS_ENDPOINT (and METERING_TEST_COSMOS_KEY for an emulator) the suite runs on
that account or emulator too, in databases of its own that it makes and removes.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from metering.bootstrap import Stores, stores_for
from metering.config import CosmosStore, SqliteStore
from tests.emulators.cosmos import CosmosPeer


@pytest.fixture(scope="session")
def shared_peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as peer:
        yield peer


@pytest.fixture(params=["sqlite", "cosmos"])
async def make_stores(
    request: pytest.FixtureRequest, tmp_path: Path, shared_peer: CosmosPeer
) -> AsyncIterator[Callable[[], Stores]]:
    """Make connections, as of several processes, to one prepared store."""
    shared_peer.clear()
    known: dict[str, SqliteStore | CosmosStore] = {
        "sqlite": SqliteStore(tmp_path / "store.db"),
        "cosmos": CosmosStore(shared_peer.url, "metering", shared_peer.key),
    }
    settings = known[request.param]
    made: list[Stores] = []

    def make() -> Stores:
        made.append(stores_for(settings))
        return made[-1]

    await make().prepare()
    yield make
    for stores in made:
        await stores.close()


@pytest.fixture
def stores(make_stores: Callable[[], Stores]) -> Stores:
    return make_stores()
