"""The register of reported requests in SQLite."""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from metering.adapters.sqlite.database import Database, parse_document
from metering.core.basics.documents import Document
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import Instant
from metering.core.streams.filing import Filed, Filing

_COLUMNS = "SELECT id, place, content, due, number FROM register"


class SqliteRegister:
    """Implements RegisterStore. The order of filing is the number of the row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def file(self, filings: Sequence[Filing], now: Instant) -> None:
        """Store documents, except those that exist."""
        await self._database.change_each(
            "INSERT OR IGNORE INTO register (id, place, due, filed, content)"
            " VALUES (?, ?, ?, ?, ?)",
            [(one.id, one.place, one.due, now, _json(one.content)) for one in filings],
        )

    async def read(self, places: Collection[str], after: int) -> AsyncIterator[Filed]:
        """Yield the documents of these places after a row."""
        marks = ",".join("?" * len(places))
        query = f"{_COLUMNS} WHERE place IN ({marks}) AND number > ? ORDER BY number"
        for row in await self._database.all(query, *places, after):
            yield _filed(row)

    async def due(self, after: str, until: str, limit: int) -> list[Filed]:
        """Return the first documents that are due between two texts."""
        query = f"{_COLUMNS} WHERE due > ? AND due <= ? ORDER BY due LIMIT ?"
        return [_filed(row) for row in await self._database.all(query, after, until, limit)]

    async def read_mark(self, name: str) -> Document | None:
        """Return what a timer noted last."""
        row = await self._database.one("SELECT content FROM register_marks WHERE name = ?", name)
        return None if row is None else parse_document(row[0], RetryableError)

    async def write_mark(self, name: str, mark: Document) -> None:
        """Note how far a timer has come."""
        await self._database.change(
            "INSERT OR REPLACE INTO register_marks (name, content) VALUES (?, ?)",
            *(name, _json(mark)),
        )

    async def forget(self, before: Instant) -> None:
        """Delete documents filed before an instant: SQLite has no time to live."""
        await self._database.change("DELETE FROM register WHERE filed < ?", before)


def _json(content: Document) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _filed(row: tuple[Any, ...]) -> Filed:
    id_, place, content, due, number = row
    return Filed(id_, place, parse_document(content, RetryableError), due, number)
