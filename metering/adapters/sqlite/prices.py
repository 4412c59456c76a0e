"""Published price versions in SQLite."""

from metering.adapters.sqlite.database import Database


class SqlitePrices:
    """Implements PriceStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_version(self, version: str, content: bytes) -> bool:
        """Store a version's price file; return False if the version has other content."""
        created = await self._database.change(
            "INSERT OR IGNORE INTO price_versions (version, content) VALUES (?, ?)",
            *(version, content),
        )
        return bool(created) or await self.read_version(version) == content

    async def read_version(self, version: str) -> bytes | None:
        """Return a version's price file, or None if the version does not exist."""
        found = await self._database.one(
            "SELECT content FROM price_versions WHERE version = ?", version
        )
        return None if found is None else bytes(found[0])
