"""Counts of dead letters in SQLite: letters from before there were counts, and those too old."""

import sqlite3
from pathlib import Path

from metering.adapters.sqlite.database import Database
from metering.adapters.sqlite.dead_letters import SqliteDeadLetters
from tests.adapters.contract.test_dead_letters import letter
from tests.builders import NOW


async def test_letters_of_the_version_before_counts_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = Database(path)
    store = SqliteDeadLetters(database)
    await store.put([letter("a1"), letter("a2", code="too_old")])
    await database.close()
    old = sqlite3.connect(path)
    old.execute("DROP TABLE dead_letter_counts")
    old.execute("PRAGMA user_version = 5")
    old.commit()
    old.close()
    assert (await store.count_dead_letters()).kept == {"not_json": 1, "too_old": 1}
    await store.put([letter("a3")])
    assert (await store.count_dead_letters()).kept == {"not_json": 2, "too_old": 1}
    await database.close()


async def test_letters_that_are_too_old_are_deleted_and_no_longer_counted(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path / "store.db")
    store = SqliteDeadLetters(database)
    await store.put([letter("a1", received=NOW - 1), letter("a2", received=NOW)])
    await store.forget_dead_letters(NOW)
    assert [one.id for one in await store.list_dead_letters(10)] == ["a2"]
    assert (await store.count_dead_letters()).kept == {"not_json": 1}
    await database.close()
