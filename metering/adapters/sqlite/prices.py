"""Published price versions in SQLite."""

import sqlite3

from metering.adapters.sqlite.database import Database


class SqlitePrices:
    """Implements PriceStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_version(self, version: str, content: bytes) -> bool:
        """Keep a version's price file, unless that name has another."""

        def put(connection: sqlite3.Connection) -> bool:
            connection.execute(
                "INSERT OR IGNORE INTO price_versions (version, content) VALUES (?, ?)",
                (version, content),
            )
            return _read(connection, version) == content

        return await self._database.write(put)

    async def read_version(self, version: str) -> bytes | None:
        """Return a version's price file."""
        return await self._database.read(lambda connection: _read(connection, version))


def _read(connection: sqlite3.Connection, version: str) -> bytes | None:
    found = connection.execute(
        "SELECT content FROM price_versions WHERE version = ?", (version,)
    ).fetchone()
    return None if found is None else bytes(found[0])
