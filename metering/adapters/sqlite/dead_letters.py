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
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT id, code, reason, hub, body, partition, sequence, received"
                " FROM dead_letters ORDER BY received DESC, id LIMIT ?",
                (limit,),
            ).fetchall()
        )
        return [DeadLetter(*row) for row in rows]

    async def count_dead_letters(self) -> dict[str, int]:
        """Return how many there are by code."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT code, count(*) FROM dead_letters GROUP BY code ORDER BY code"
            ).fetchall()
        )
        return dict(rows)
