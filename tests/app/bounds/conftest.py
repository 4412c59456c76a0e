"""Systems on both stores: what a caller can choose is bounded on either."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from metering.adapters.sqlite.database import Database
from metering.bootstrap import Stores, sqlite_stores, stores_for
from metering.core.plans.plan import read_plan
from metering.settings.settings import CosmosStore
from tests.app.bounds.harm import Documents
from tests.app.bounds.ten import LEDGERS, REFUSED, SICK, TENANTS, Make, one_each, refuse, subject
from tests.builders import NOW
from tests.doubles.cosmos import CosmosPeer
from tests.systems import MovableClock, System


@pytest.fixture(scope="session")
def shared_peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as made:
        yield made


@pytest.fixture
def peer(shared_peer: CosmosPeer) -> CosmosPeer:
    shared_peer.clear()
    return shared_peer


@pytest.fixture(params=["sqlite", "cosmos"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def make_process(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[System]]]:
    """Make processes with clocks of their own over one store of either kind."""
    made: list[tuple[Stores, Database | None]] = []

    async def make(clock: MovableClock | None = None, **options: Any) -> System:
        database = Database(tmp_path / "store.db") if kind == "sqlite" else None
        if database is None:
            peer: CosmosPeer = request.getfixturevalue("peer")
            stores = stores_for(CosmosStore(peer.url, "metering", peer.key))
        else:
            stores = sqlite_stores(database)
        if not made:
            await stores.prepare()
        made.append((stores, database))
        return System(stores, clock=clock, **options)

    yield make
    for stores, _ in made:
        await stores.close()


@pytest.fixture
async def documents(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Documents]:
    """Reach what the processes store, behind their backs."""
    if kind == "cosmos":
        yield Documents(None, request.getfixturevalue("peer"))
        return
    database = Database(tmp_path / "store.db")
    yield Documents(database, None)
    await database.close()


@pytest.fixture
async def process(make_process: Callable[..., Awaitable[System]]) -> System:
    return await make_process()


@pytest.fixture(params=["broken", "restored", "full", "oversized"])
def harm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def sick(
    make_process: Make, documents: Documents, harm: str, kind: str, request: pytest.FixtureRequest
) -> System:
    """Return a fresh process over ten ledgers of twenty pages, one of which is harmed."""
    if kind == "sqlite" and harm in REFUSED:
        pytest.skip("a file has neither partitions nor a bound on documents")
    healthy = await make_process()
    plan = read_plan("p", {"id": "capped"})
    await healthy.tenancy.define_plan(plan, None)
    for tenant in TENANTS:
        await healthy.tenancy.map_subject(subject(tenant), tenant, None)
        await healthy.tenancy.assign_plan(tenant, "capped", None)
    for page in range(20):
        await one_each(healthy, f"r-{page}", data__model=f"m-{page}")
    pending = {"data__tokens": "pending", "data__usage": ..., "data__streamed": True}
    await one_each(healthy, "stream", **pending)
    ledger = LEDGERS[SICK]
    if harm == "broken":
        await documents.change_page(ledger, 21, committed=1)
    elif harm == "restored":
        await documents.remove_page(ledger, 18)
    else:
        refuse(request.getfixturevalue("peer"), harm)
    return await make_process(MovableClock(NOW))
