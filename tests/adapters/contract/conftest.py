"""One behavioural suite, every store: what a port promises does not depend on who keeps it.

It runs on SQLite, on our peer of Cosmos DB, where no transactions are needed on a server by
others, and with METERING_TEST_COSMOS_ENDPOINT (and METERING_TEST_COSMOS_KEY) on any emulator or
account: there in a database of its own, which stays for whoever wants to look.
"""

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from metering.bootstrap import Stores, stores_for
from metering.settings.settings import CosmosStore, SqliteStore
from tests.doubles.cosmos import CosmosPeer
from tests.doubles.third_party.cosmos import KEY, missing, third_party_cosmos

ENDPOINT = os.environ.get("METERING_TEST_COSMOS_ENDPOINT")
#: Modules whose port is kept in transactional batches.
TRANSACTIONAL = {
    "test_ledgers",
    "test_effects",
    "test_rollups",
    "test_reading",
    "test_requests",
} | {"test_low_credit", "test_invoices", "test_aggregates"}
#: The server by others reads all partitions whichever one is asked for.
NEEDS_PARTITIONS = {"test_audit"}
#: The server by others answers 500, not 404, to a point read of an item that is not there.
NEEDS_NOT_FOUND = {
    "test_the_records_beside_them_are_not_disturbed",
    "test_where_nothing_was_appended_there_is_nothing_to_read",
    "test_a_mark_is_what_was_written_last",
    "test_a_version_that_is_not_there_is_nothing",
    "test_what_is_not_there_is_left_out_of_the_answer",
    "test_a_tenant_without_an_account_has_none",
    "test_an_account_that_is_not_there_cannot_be_replaced",
    "test_a_period_that_is_not_closed_has_no_statement",
    "test_the_statements_of_tenants_are_apart",
    "test_what_was_not_shared_out_is_not_there",
    "test_an_accrual_is_replaced_by_a_later_one_only",
}


@pytest.fixture(scope="session")
def peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as made:
        yield made


@pytest.fixture(scope="session")
def third_party() -> Iterator[str]:
    why = missing()
    if why is not None:
        assert "CI" not in os.environ, why
        pytest.skip(why)
    with third_party_cosmos() as endpoint:
        yield endpoint


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames:
        names = ["sqlite", "cosmos"]
        module = metafunc.module.__name__.split(".")[-1]
        others = module not in TRANSACTIONAL | NEEDS_PARTITIONS
        if others and metafunc.function.__name__ not in NEEDS_NOT_FOUND:
            names.append("third_party")
        names += ["endpoint"] if ENDPOINT else []
        metafunc.parametrize("store", names, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteStore | CosmosStore:
    """Return an empty store of the kind that is asked for."""
    database = f"test-{uuid.uuid4()}"
    if request.param == "sqlite":
        return SqliteStore(tmp_path / "store.db")
    if request.param == "third_party":
        return CosmosStore(request.getfixturevalue("third_party"), database, KEY)
    if request.param == "endpoint":
        assert ENDPOINT is not None
        return CosmosStore(ENDPOINT, database, os.environ.get("METERING_TEST_COSMOS_KEY"))
    peer: CosmosPeer = request.getfixturevalue("peer")
    return CosmosStore(peer.url, database, peer.key)


@pytest.fixture
async def make_stores(store: SqliteStore | CosmosStore) -> AsyncIterator[Callable[[], Stores]]:
    """Make connections, as of several processes, to one prepared store."""
    made: list[Stores] = []

    def make() -> Stores:
        made.append(stores_for(store))
        return made[-1]

    await make().prepare()
    yield make
    for stores in made:
        await stores.close()


@pytest.fixture
def stores(make_stores: Callable[[], Stores]) -> Stores:
    return make_stores()
