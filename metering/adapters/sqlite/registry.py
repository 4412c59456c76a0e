"""Tenants and plans in SQLite: append-only records."""

import sqlite3

from metering.adapters.sqlite.database import Database
from metering.core.tenancy.record import Record


class SqliteRegistry:
    """Implements RegistryStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_records(self, after: int) -> list[Record]:
        """Return the records beyond the first `after`."""
        rows = await self._database.all(
            "SELECT kind, key, value, effective, recorded, coalesce(hash, '') FROM records"
            " LEFT JOIN record_hashes USING (number) WHERE number > ? ORDER BY number",
            after,
        )
        return [Record(*row) for row in rows]

    async def append_record(self, record: Record, expected: int) -> bool:
        """Append a record as number `expected` + 1, unless the last number is another one."""
        return await self._database.write(lambda connection: _append(connection, record, expected))


def _append(connection: sqlite3.Connection, record: Record, expected: int) -> bool:
    *content, digest = record
    appended = connection.execute(
        "INSERT INTO records (number, kind, key, value, effective, recorded)"
        " SELECT ?1 + 1, ?2, ?3, ?4, ?5, ?6"
        " WHERE ?1 = (SELECT coalesce(max(number), 0) FROM records)",
        (expected, *content),
    )
    if appended.rowcount != 1:
        return False
    if digest:
        insert = "INSERT INTO record_hashes (number, hash) VALUES (?, ?)"
        connection.execute(insert, (expected + 1, digest))
    return True
