"""Dead letters in SQLite."""

from collections.abc import Sequence

from metering.adapters.sqlite.database import Database
from metering.ports import DeadLetter


class SqliteDeadLetters:
    """Implements DeadLetterStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep these; one that is there already stays as it is."""
        if letters:
            await self._database.write(
                lambda connection: connection.executemany(
                    "INSERT OR IGNORE INTO dead_letters"
                    " (id, code, reason, hub, body, partition, sequence, received)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    letters,
                )
            )

    async def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the latest `limit`, newest first."""
        return await self._select("ORDER BY received DESC, id LIMIT ?", limit)

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return those whose id begins so."""
        return await self._select("WHERE substr(id, 1, ?) = ?", len(prefix), prefix)

    async def _select(self, condition: str, *values: object) -> list[DeadLetter]:
        columns = ", ".join(DeadLetter._fields)
        rows = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT {columns} FROM dead_letters {condition}",  # noqa: S608, our own literals
                values,
            ).fetchall()
        )
        return [DeadLetter(*row) for row in rows]

    async def remove_dead_letters(self, ids: Sequence[str]) -> None:
        """Forget these; one that is gone already is no error."""
        await self._database.write(
            lambda connection: connection.executemany(
                "DELETE FROM dead_letters WHERE id = ?", [(name,) for name in ids]
            )
        )

    async def count_dead_letters(self) -> dict[str, int]:
        """Return how many there are by code."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT code, count(*) FROM dead_letters GROUP BY code ORDER BY code"
            ).fetchall()
        )
        return dict(rows)
