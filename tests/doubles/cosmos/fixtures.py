"""pytest fixtures: a double for a module, and a client with a container for each test.

A test module asks for them with `pytest_plugins = ["tests.doubles.cosmos.fixtures"]`.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy

from tests.doubles.cosmos.client import quick_client
from tests.doubles.cosmos.peer import CosmosPeer


@pytest.fixture(scope="module")
def shared_cosmos_peer() -> Iterator[CosmosPeer]:
    """Start a double for all tests of a module."""
    with CosmosPeer() as peer:
        yield peer


@pytest.fixture
def cosmos_peer(shared_cosmos_peer: CosmosPeer) -> CosmosPeer:
    """Return the module's double, emptied."""
    shared_cosmos_peer.clear()
    return shared_cosmos_peer


@pytest.fixture
async def cosmos_client(cosmos_peer: CosmosPeer) -> AsyncIterator[CosmosClient]:
    """Return an open client of the double."""
    async with quick_client(cosmos_peer) as client:
        yield client


@pytest.fixture
async def cosmos_database(cosmos_client: CosmosClient) -> DatabaseProxy:
    """Return an empty database `metering`."""
    return await cosmos_client.create_database("metering")


@pytest.fixture
async def cosmos_container(
    cosmos_peer: CosmosPeer, cosmos_database: DatabaseProxy
) -> ContainerProxy:
    """Return an empty container `ledger` by `/ledger`; charges and requests start after it."""
    key = PartitionKey(path="/ledger")
    container = await cosmos_database.create_container("ledger", key, default_ttl=-1)
    cosmos_peer.charges.reset()
    cosmos_peer.requests.clear()
    return container
