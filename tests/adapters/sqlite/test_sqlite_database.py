"""The embedded store's file: durable, patient with others, and clear about what is wrong."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from metering.adapters.sqlite.database import SCHEMA_VERSION, Database
from metering.core.basics.errors import ConfigurationError, RetryableError


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "deep" / "store.db", lock_patience_ms=100)
    yield made
    await made.close()


def count(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("SELECT count(*) FROM records").fetchone()
    return int(number)


def insert(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO records VALUES (1, 'plan', 'k', 'v', 0, 0)")


async def test_the_folder_and_the_tables_are_made_on_first_use(
    database: Database, tmp_path: Path
) -> None:
    assert not (tmp_path / "deep").exists()
    assert await database.read(count) == 0


async def test_a_write_is_durable_before_it_returns(database: Database) -> None:
    assert await database.read(lambda c: c.execute("PRAGMA synchronous").fetchone()) == (2,)
    assert await database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()) == ("wal",)


async def test_a_write_that_fails_half_way_leaves_nothing(database: Database) -> None:
    def half(connection: sqlite3.Connection) -> None:
        insert(connection)
        raise KeyError("half way")

    with pytest.raises(KeyError):
        await database.write(half)
    assert await database.read(count) == 0


async def test_a_closed_store_is_opened_again_by_the_next_call(database: Database) -> None:
    await database.write(insert)
    await database.close()
    assert await database.read(count) == 1


async def test_a_store_that_another_process_keeps_locked_is_given_up_with_one_line(
    database: Database, tmp_path: Path
) -> None:
    await database.read(count)
    other = sqlite3.connect(tmp_path / "deep" / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetryableError, match="store.db: still locked .* after 100 ms"):
        await database.write(insert)
    other.execute("ROLLBACK")
    await database.write(insert)
    other.close()


async def test_a_full_disk_is_an_error_that_leaves_nothing(database: Database) -> None:
    def limit(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    def much(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO records VALUES (1, 'plan', 'k', zeroblob(1000000), 0, 0)")

    await database.write(limit)
    with pytest.raises(RetryableError, match="store.db: database or disk is full"):
        await database.write(much)
    assert await database.read(count) == 0


async def test_a_read_only_store_is_an_error(database: Database) -> None:
    await database.read(count)
    await database.write(lambda connection: connection.execute("PRAGMA query_only = 1"))
    with pytest.raises(RetryableError, match="readonly"):
        await database.write(insert)


async def test_a_file_that_is_no_store_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(ConfigurationError, match="notes.txt: file is not a database"):
        await Database(path).read(count)


async def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="store .*/file/store.db: "):
        await Database(tmp_path / "file" / "store.db").read(count)


async def test_a_store_of_a_newer_version_is_refused(database: Database) -> None:
    newer = SCHEMA_VERSION + 1
    await database.write(lambda connection: connection.execute(f"PRAGMA user_version = {newer}"))
    await database.close()
    with pytest.raises(ConfigurationError, match=f"newer version .schema {newer}, this is"):
        await database.read(count)


async def test_a_store_of_an_older_version_gets_what_is_new_and_keeps_what_it_has(
    database: Database,
) -> None:
    def age(connection: sqlite3.Connection) -> None:
        insert(connection)
        connection.execute("DROP TABLE effects")
        connection.execute("DROP TABLE rollups")
        connection.execute("DROP TABLE suspensions")
        connection.execute("DROP TABLE accounts")
        connection.execute("PRAGMA user_version = 1")

    await database.write(age)
    await database.close()
    assert await database.read(count) == 1
    tables = "effects, rollups, accounts"
    assert await database.read(lambda c: c.execute(f"SELECT * FROM {tables}").fetchall()) == []
    assert await database.read(lambda c: c.execute("PRAGMA user_version").fetchone()) == (
        SCHEMA_VERSION,
    )


async def test_pages_are_found_by_slot_without_going_through_the_ledger(database: Database) -> None:
    rows = await database.read(
        lambda connection: connection.execute(
            "EXPLAIN QUERY PLAN SELECT document FROM pages WHERE ledger = ? AND slot IN (?, ?, ?)",
            ("acme", 1, 2, 3),
        ).fetchall()
    )
    assert "pages_by_slot" in str(rows)


@pytest.mark.parametrize("condition", ["due <= 5 ORDER BY due", "parked = 1 ORDER BY created"])
async def test_effects_that_were_delivered_cost_nothing_to_look_past(
    database: Database, condition: str
) -> None:
    rows = await database.read(
        lambda c: c.execute(
            f"EXPLAIN QUERY PLAN SELECT * FROM effects WHERE {condition}"
        ).fetchall()
    )
    assert "INDEX effects_" in str(rows)
    assert "TEMP B-TREE" not in str(rows)
