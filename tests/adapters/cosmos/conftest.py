"""Accounts of one stand-in for Cosmos DB, which is empty at the start of each test."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from metering.adapters.cosmos.account import CosmosAccount
from tests.doubles.cosmos import CosmosPeer


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as made:
        yield made


@pytest.fixture
def peer(shared_peer: CosmosPeer) -> CosmosPeer:
    shared_peer.clear()
    return shared_peer


@pytest.fixture
async def connect(peer: CosmosPeer) -> AsyncIterator[Callable[..., CosmosAccount]]:
    made: list[CosmosAccount] = []

    def account(**changes: Any) -> CosmosAccount:
        given: dict[str, Any] = {
            "endpoint": peer.url,
            "database": "metering",
            "key": peer.key,
            **changes,
        }
        made.append(CosmosAccount(**given))
        return made[-1]

    yield account
    for one in made:
        await one.close()
