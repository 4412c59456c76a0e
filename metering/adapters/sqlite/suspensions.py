"""Suspensions in SQLite: a row each, under a tag that no other row ever had."""

import sqlite3

from metering.adapters.sqlite.database import Database
from metering.core.quotas.suspension import Phase, Suspension
from metering.ports import StoredSuspension


class SqliteSuspensions:
    """Implements SuspensionStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_suspensions(self) -> list[StoredSuspension]:
        """Return all of them, by subscription."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT etag, subscription, phase, reason, since, at FROM suspensions"
                " ORDER BY subscription"
            ).fetchall()
        )
        return [
            StoredSuspension(Suspension(name, Phase(phase), reason, since, at), str(etag))
            for etag, name, phase, reason, since, at in rows
        ]

    async def put_suspension(self, suspension: Suspension, etag: str | None) -> str | None:
        """Write one, unless there is another one (or none) by now."""

        def put(connection: sqlite3.Connection) -> str | None:
            if etag is not None and not _delete(connection, suspension.subscription, etag):
                return None
            done = connection.execute(
                "INSERT OR IGNORE INTO suspensions (subscription, phase, reason, since, at)"
                " VALUES (?, ?, ?, ?, ?)",
                suspension,
            )
            return str(done.lastrowid) if done.rowcount else None

        return await self._database.write(put)

    async def remove_suspension(self, subscription: str, etag: str) -> bool:
        """Remove one, unless there is another one or none by now."""
        return await self._database.write(
            lambda connection: _delete(connection, subscription, etag)
        )


def _delete(connection: sqlite3.Connection, subscription: str, etag: str) -> bool:
    done = connection.execute(
        "DELETE FROM suspensions WHERE subscription = ? AND etag = ?", (subscription, etag)
    )
    return bool(done.rowcount)
