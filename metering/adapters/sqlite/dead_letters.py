"""Dead letters in SQLite."""

from collections.abc import Sequence

from metering.adapters.sqlite.database import Database
from metering.ports import DeadLetter


class SqliteDeadLetters:
    """Implements DeadLetterStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters, except those whose id exists."""
        await self._database.change_each(
            "INSERT OR IGNORE INTO dead_letters"
            " (id, code, reason, hub, body, partition, sequence, received)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            letters,
        )

    async def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the latest `limit`, newest first."""
        return await self._select("ORDER BY received DESC, id LIMIT ?", limit)

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

    async def remove_dead_letters(self, ids: Sequence[str]) -> None:
        """Remove dead letters; ignore those that are already gone."""
        await self._database.change_each(
            "DELETE FROM dead_letters WHERE id = ?", [(name,) for name in ids]
        )

    async def count_dead_letters(self) -> dict[str, int]:
        """Return the number of dead letters by code."""
        return dict(
            await self._database.all(
                "SELECT code, count(*) FROM dead_letters GROUP BY code ORDER BY code"
            )
        )
