"""The function app on Cosmos DB: one setting switches everything, and the totals are the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from metering.bootstrap import stores_for
from metering.core.basics.instants import parse_instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.local.demo.demo import run_demo
from metering.settings.settings import CosmosStore, Settings, SqliteStore
from tests.doubles.cosmos import CosmosPeer

OCTOBER = parse_instant("2026-10-01T00:00:00Z")


@pytest.fixture(scope="module")
def peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as made:
        yield made


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    rows = [
        f"2023-11-16 18:{n % 60:02d}:{n % 59:02d}.6805900,{n * 17},{n % 300}" for n in range(1, 800)
    ]
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows) + "\n")
    return path


def _silent(_done: int, _total: int) -> None:
    pass


async def _prepare(store: CosmosStore) -> None:
    stores = stores_for(store)
    await stores.prepare()
    await stores.close()


async def _heads(store: SqliteStore | CosmosStore) -> dict[str, Head]:
    stores = stores_for(store)
    heads = {}
    for ledger in await stores.ledgers.ledgers():
        stored = await stores.ledgers.read_head(ledger)
        assert stored is not None
        heads[ledger.tenant] = stored.head
    await stores.close()
    return heads


async def test_the_demos_traffic_gives_the_same_totals_on_cosmos_and_sqlite(
    peer: CosmosPeer, trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    local = SqliteStore(tmp_path / "store.db")
    cloud = CosmosStore(peer.url, "metering", peer.key)
    await _prepare(cloud)
    for store in (local, cloud):
        ran = await run_demo(Settings(store), trace, _silent)
        assert all(result.holds for result in ran.results)
    here, there = await _heads(local), await _heads(cloud)
    assert (
        list(here)
        == list(there)
        == [*("adventure", "contoso", "fabrikam", "northwind", "tailspin")]
    )
    for tenant, head in here.items():
        assert there[tenant].lines == head.lines
        assert there[tenant].entries == head.entries
        assert there[tenant].diagnostics == head.diagnostics
        assert there[tenant].amount == head.amount > 0


async def test_everything_a_ledger_has_is_in_its_own_partition(
    peer: CosmosPeer, trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    peer.clear()
    store = CosmosStore(peer.url, "metering", peer.key)
    await _prepare(store)
    await run_demo(Settings(store), trace, _silent)
    names = {str(LedgerId(tenant, OCTOBER)) for tenant in await _heads(store)}
    # The story of the demo has a month before.
    names.add("adventure|2026-09-01T00:00:00Z")
    documents = peer.documents("metering", "ledgers")
    assert {document["ledger"] for document in documents} == names
    heads = [document for document in documents if document["id"] == "head"]
    assert len(heads) == len(names)
    of_ledgers = (request for request in peer.requests if request.container == "ledgers")
    assert not any(request.unindexed for request in of_ledgers)
