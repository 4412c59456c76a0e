"""An effect that cannot be written takes its commit with it: pages, head and all."""

from pathlib import Path

import pytest
from azure.cosmos.aio import CosmosClient

from metering.adapters.cosmos.effects import effect_document
from metering.adapters.sqlite.database import Database
from metering.bootstrap import sqlite_stores, stores_for
from metering.core.basics.errors import ConfigurationError, LedgerBroken
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.head import Head
from metering.settings.settings import CosmosStore
from tests.builders import AT, NOW, rating, usage
from tests.doubles.cosmos import CosmosPeer

LEDGER = LedgerId("acme", month_of(AT).start)
COMMIT = plan_commit(Head(LEDGER), {}, [usage(model="gpt-99")], rating(), NOW)


async def test_in_sqlite(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.db")
    stores = sqlite_stores(database)
    await database.write(
        lambda connection: connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON effects BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    )
    with pytest.raises(ConfigurationError, match="no"):
        await stores.ledgers.commit(COMMIT)
    assert await stores.ledgers.read_head(LEDGER) is None
    assert await stores.ledgers.read_page(LEDGER, 1) is None
    await database.close()


async def test_in_cosmos_where_one_is_there_already() -> None:
    with CosmosPeer() as peer:
        stores = stores_for(CosmosStore(peer.url, "metering", peer.key))
        await stores.prepare()
        async with CosmosClient(peer.url, peer.key) as client:
            container = client.get_database_client("metering").get_container_client("ledgers")
            await container.create_item(effect_document(COMMIT.effects[0]))
        with pytest.raises(LedgerBroken, match="an effect of page 1 is there without the page"):
            await stores.ledgers.commit(COMMIT)
        assert await stores.ledgers.read_head(LEDGER) is None
        assert await stores.ledgers.read_page(LEDGER, 1) is None
        await stores.close()


async def test_in_sqlite_where_one_is_there_already(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.db")
    stores = sqlite_stores(database)
    await stores.ledgers.commit(COMMIT)
    await database.write(lambda connection: connection.execute("DELETE FROM pages"))
    await database.write(lambda connection: connection.execute("DELETE FROM heads"))
    with pytest.raises(LedgerBroken, match="an effect of page 1 is there without the page"):
        await stores.ledgers.commit(COMMIT)
    assert await stores.ledgers.read_page(LEDGER, 1) is None
    await database.close()
