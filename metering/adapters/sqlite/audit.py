"""The audit log in SQLite."""

from metering.adapters.sqlite.database import Database
from metering.core.tenancy.audit import AuditEntry, Outcome


class SqliteAudit:
    """Implements AuditLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append_audit(self, entry: AuditEntry) -> None:
        """Keep an entry; one of the same id stays as it is."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR IGNORE INTO audit"
                " (id, act, at, author, action, resource, outcome, before, after, day)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*entry, entry.day),
            )
        )

    async def read_audit(self, day: str, *, before: str | None, limit: int) -> list[AuditEntry]:
        """Return a UTC day's entries, newest first."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT id, act, at, author, action, resource, outcome, before, after FROM audit"
                " WHERE day = ? AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
                (day, before, before, limit),
            ).fetchall()
        )
        return [AuditEntry(*row)._replace(outcome=Outcome(row[6])) for row in rows]
