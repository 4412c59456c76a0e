"""Tenants and plans in SQLite: append-only records."""

import sqlite3

from metering.adapters.sqlite.database import Database
from metering.core.tenancy.directory import Record


class SqliteRegistry:
    """Implements RegistryStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_records(self, after: int) -> list[Record]:
        """Return the records beyond the first `after`."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT kind, key, value, effective, recorded FROM records WHERE number > ?"
                " ORDER BY number",
                (after,),
            ).fetchall()
        )
        return [Record(*row) for row in rows]

    async def append_record(self, record: Record, expected: int) -> bool:
        """Append a record as number `expected` + 1, unless there is one already."""

        def append(connection: sqlite3.Connection) -> bool:
            (last,) = connection.execute("SELECT max(number) FROM records").fetchone()
            if (last or 0) != expected:
                return False
            connection.execute(
                "INSERT INTO records (number, kind, key, value, effective, recorded)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (expected + 1, *record),
            )
            return True

        return await self._database.write(append)
