"""One behavioural suite, every store: what a port promises does not depend on who keeps it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from metering.bootstrap import Stores, stores_for
from metering.config import SqliteStore


@pytest.fixture(params=["sqlite"])
async def make_stores(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[[], Stores]]:
    """Make connections, as of several processes, to one prepared store."""
    assert request.param == "sqlite"
    settings = SqliteStore(tmp_path / "store.db")
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
