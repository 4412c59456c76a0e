"""The audit log in SQLite."""

from typing import Final

from metering.adapters.sqlite.database import Database
from metering.core.tenancy.audit import AuditEntry, Outcome

_COLUMNS: Final = "id, act, at, author, action, resource, outcome, before, after"


class SqliteAudit:
    """Implements AuditLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append_audit(self, entry: AuditEntry) -> None:
        """Store an entry, unless its id exists."""
        await self._database.change(
            f"INSERT OR IGNORE INTO audit ({_COLUMNS}, day)"  # noqa: S608, a literal of above
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(*entry, entry.day),
        )

    async def read_audit(self, day: str, *, before: str | None, limit: int) -> list[AuditEntry]:
        """Return a UTC day's entries, newest first."""
        rows = await self._database.all(
            f"SELECT {_COLUMNS} FROM audit"  # noqa: S608, a literal of above
            " WHERE day = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
            *(day, before, limit),
        )
        return [AuditEntry(*row)._replace(outcome=Outcome(row[6])) for row in rows]
