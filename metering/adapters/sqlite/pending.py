"""Pending halves in SQLite."""

from collections.abc import Sequence

from metering.adapters.sqlite.database import Database
from metering.core.instants import Instant
from metering.ports import PendingHalf


class SqlitePending:
    """Implements PendingStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_identities(self, halves: Sequence[PendingHalf]) -> None:
        """Keep these; one that is there already stays as it is."""
        if halves:
            await self._database.write(
                lambda connection: connection.executemany(
                    "INSERT OR IGNORE INTO pending (request_id, identity, since) VALUES (?, ?, ?)",
                    halves,
                )
            )

    async def identities_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest unresolved halves that started before `instant`."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT request_id, identity, since FROM pending"
                " WHERE resolved = 0 AND since < ? ORDER BY since LIMIT ?",
                (instant, limit),
            ).fetchall()
        )
        return [PendingHalf(*row) for row in rows]

    async def resolve(self, request_ids: Sequence[str]) -> None:
        """Mark these as settled."""
        if request_ids:
            await self._database.write(
                lambda connection: connection.executemany(
                    "UPDATE pending SET resolved = 1 WHERE request_id = ?",
                    [(request_id,) for request_id in request_ids],
                )
            )
