"""A gateway behind the unmodified SDK, and processes that suspend there over one store."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from metering.adapters.sqlite.database import Database
from metering.bootstrap import sqlite_stores
from tests.app.suspending import Process
from tests.doubles.arm import ArmPeer
from tests.doubles.arm.api_management import put_service, put_subscription


@pytest.fixture(scope="session")
def arm_peer() -> Iterator[ArmPeer]:
    with ArmPeer() as peer:
        yield peer


@pytest.fixture
def gateway(arm_peer: ArmPeer) -> ArmPeer:
    """Return a gateway with two active subscriptions."""
    arm_peer.clear()
    put_service(arm_peer)
    put_subscription(arm_peer, "sub-1")
    put_subscription(arm_peer, "sub-2")
    return arm_peer


@pytest.fixture
async def make_process(gateway: ArmPeer, tmp_path: Path) -> AsyncIterator[Callable[[], Process]]:
    made: list[tuple[Process, Database]] = []

    def process() -> Process:
        database = Database(tmp_path / "store.db")
        one = Process(gateway.url, sqlite_stores(database).suspensions)
        made.append((one, database))
        return one

    yield process
    for one, database in made:
        await one.gate.close()
        await database.close()


@pytest.fixture
def process(make_process: Callable[[], Process]) -> Process:
    return make_process()
