"""Dead letters in SQLite, and their counts."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from metering.adapters.sqlite.database import Database
from metering.core.basics.instants import Instant
from metering.ports import DeadLetter, DeadLetterCounts

_ADD = (
    "INSERT INTO dead_letter_counts (code, kept, not_kept) VALUES (?, ?, ?) ON CONFLICT (code)"
    " DO UPDATE SET kept = kept + excluded.kept, not_kept = not_kept + excluded.not_kept"
)


class SqliteDeadLetters:
    """Implements DeadLetterStore. Letters and counts change in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters, except those whose id exists."""
        if letters:
            await self._database.write(lambda connection: _put(connection, letters))

    async def count_only(self, counts: Mapping[str, int], at: Instant) -> None:  # noqa: ARG002, the port's signature
        """Count events of which no letter is kept."""
        rows = [(code, 0, number) for code, number in counts.items()]
        await self._database.change_each(_ADD, rows)

    async def list_dead_letters(self, limit: int, code: str | None = None) -> list[DeadLetter]:
        """Return the latest `limit`, newest first; with `code`, only those of that code."""
        if code is None:
            return await self._select("ORDER BY received DESC, id LIMIT ?", limit)
        return await self._select("WHERE code = ? ORDER BY received DESC, id LIMIT ?", code, limit)

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return the dead letters whose id starts with `prefix`."""
        return await self._select("WHERE substr(id, 1, ?) = ?", len(prefix), prefix)

    async def _select(self, condition: str, *values: object) -> list[DeadLetter]:
        columns = ", ".join(DeadLetter._fields)
        rows = await self._database.all(
            f"SELECT {columns} FROM dead_letters {condition}",  # noqa: S608, literals of above
            *values,
        )
        return [DeadLetter(*row) for row in rows]

    async def remove_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Remove dead letters; ignore those that are already gone."""
        rows = [(letter.id,) for letter in letters]
        if rows:
            await self._database.write(lambda connection: _remove(connection, "id = ?", rows))

    async def forget_dead_letters(self, before: Instant) -> None:
        """Delete the dead letters that were received before an instant."""
        await self._database.write(
            lambda connection: _remove(connection, "received < ?", [(before,)])
        )

    async def count_dead_letters(self, since: Instant = 0) -> DeadLetterCounts:  # noqa: ARG002, the port's signature
        """Return the numbers by code."""
        rows = await self._database.all(
            "SELECT code, kept, not_kept FROM dead_letter_counts ORDER BY code"
        )
        return DeadLetterCounts(
            {code: kept for code, kept, _ in rows if kept > 0},
            {code: not_kept for code, _, not_kept in rows if not_kept > 0},
        )

    async def recount_dead_letters(self) -> None:
        """Count the letters anew, in one transaction."""
        await self._database.write(_recount)


def _put(connection: sqlite3.Connection, letters: Iterable[DeadLetter]) -> None:
    kept = Counter[str]()
    for letter in letters:
        kept[letter.code] += connection.execute(
            "INSERT OR IGNORE INTO dead_letters"
            " (id, code, reason, hub, body, partition, sequence, received)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            letter,
        ).rowcount
    connection.executemany(_ADD, [(code, number, 0) for code, number in kept.items()])


def _recount(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE dead_letter_counts SET kept = 0")
    counted = connection.execute("SELECT code, count(*), 0 FROM dead_letters GROUP BY code")
    connection.executemany(_ADD, counted.fetchall())


def _remove(
    connection: sqlite3.Connection, condition: str, rows: Iterable[tuple[object, ...]]
) -> None:
    gone = Counter[str]()
    for row in rows:
        found = connection.execute(
            f"DELETE FROM dead_letters WHERE {condition} RETURNING code",  # noqa: S608, literals of above
            row,
        ).fetchall()
        gone.update(code for (code,) in found)
    connection.executemany(_ADD, [(code, -number, 0) for code, number in gone.items()])
