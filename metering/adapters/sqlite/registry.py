"""Tenants and plans in SQLite: append-only records."""

from metering.adapters.sqlite.database import Database
from metering.core.tenancy.record import Record


class SqliteRegistry:
    """Implements RegistryStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_records(self, after: int) -> list[Record]:
        """Return the records beyond the first `after`."""
        rows = await self._database.all(
            "SELECT kind, key, value, effective, recorded FROM records WHERE number > ?"
            " ORDER BY number",
            after,
        )
        return [Record(*row) for row in rows]

    async def append_record(self, record: Record, expected: int) -> bool:
        """Append a record as number `expected` + 1, unless the last number is another one."""
        appended = await self._database.change(
            "INSERT INTO records (number, kind, key, value, effective, recorded)"
            " SELECT ?1 + 1, ?2, ?3, ?4, ?5, ?6"
            " WHERE ?1 = (SELECT coalesce(max(number), 0) FROM records)",
            *(expected, *record),
        )
        return appended == 1
