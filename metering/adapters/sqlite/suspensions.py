"""Suspensions in SQLite: one row each, with a tag that no other row ever had."""

import sqlite3
from typing import Final

from metering.adapters.sqlite.database import Database
from metering.core.quotas.suspension import Phase, Suspension
from metering.ports import StoredSuspension

_DELETE: Final = "DELETE FROM suspensions WHERE subscription = ? AND etag = ?"


class SqliteSuspensions:
    """Implements SuspensionStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_suspensions(self) -> list[StoredSuspension]:
        """Return all suspensions, by subscription."""
        rows = await self._database.all(
            "SELECT etag, subscription, phase, reason, since, at FROM suspensions"
            " ORDER BY subscription"
        )
        return [
            StoredSuspension(Suspension(name, Phase(phase), reason, since, at), str(etag))
            for etag, name, phase, reason, since, at in rows
        ]

    async def put_suspension(self, suspension: Suspension, etag: str | None) -> str | None:
        """Create or replace a suspension; return None if it has changed or is gone."""

        def put(connection: sqlite3.Connection) -> str | None:
            old = (suspension.subscription, etag)
            if etag is not None and not connection.execute(_DELETE, old).rowcount:
                return None
            done = connection.execute(
                "INSERT OR IGNORE INTO suspensions (subscription, phase, reason, since, at)"
                " VALUES (?, ?, ?, ?, ?)",
                suspension,
            )
            return str(done.lastrowid) if done.rowcount else None

        return await self._database.write(put)

    async def remove_suspension(self, subscription: str, etag: str) -> bool:
        """Remove a suspension; return False if it has changed or is gone."""
        return bool(await self._database.change(_DELETE, subscription, etag))
