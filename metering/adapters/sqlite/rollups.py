"""Rollups in SQLite."""

import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable
from functools import partial
from itertools import batched
from typing import Final

from pydantic_core import to_json

from metering.adapters.executor import EXECUTOR
from metering.adapters.sqlite.database import Database, parse_document
from metering.core.basics.documents import Document
from metering.core.basics.errors import HeadMovedError, RollupBroken
from metering.core.calendars.periods import LedgerId
from metering.core.reports.rollup import Cursor, Part, PartName
from metering.core.reports.rollup_document import (
    CURSOR_ID,
    Step,
    read_cursor,
    read_part,
    write_cursor,
)
from metering.ports import StoredCursor

#: Parts read at once, 240 KB each at most: the event loop waits while they are copied.
_PARTS_A_READ: Final = 2
_WRITE_CURSOR: Final = (
    "INSERT INTO rollups (ledger, name, etag, document) VALUES (?, ?, 1, ?)"
    " ON CONFLICT DO UPDATE SET etag = etag + 1, document = excluded.document RETURNING etag"
)


class SqliteRollups:
    """Implements RollupStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_cursor(self, ledger: LedgerId) -> StoredCursor | None:
        """Return the cursor as last written."""
        found = await self._database.one(
            "SELECT document, etag FROM rollups WHERE ledger = ? AND name = ?",
            *(str(ledger), CURSOR_ID),
        )
        if found is None:
            return None
        return StoredCursor(read_cursor(_parsed(ledger, found[0]), ledger), str(found[1]))

    async def parts(self, ledger: LedgerId, names: Collection[PartName]) -> AsyncIterator[Part]:
        """Yield the parts that exist."""
        for some in batched(names, _PARTS_A_READ, strict=False):
            rows = await self._database.all(
                "SELECT document FROM rollups"
                " WHERE ledger = ? AND name IN (SELECT value FROM json_each(CAST(? AS TEXT)))",
                *(str(ledger), to_json([str(name) for name in some])),
            )
            for (document,) in rows:
                yield await EXECUTOR.run(partial(_part, ledger, document))

    async def write_rollup(self, step: Step, etag: str | None) -> str:
        """Write the parts and the cursor in one transaction."""
        parts = [
            (str(step.cursor.ledger), str(part.name), content)
            for part, content in zip(step.parts, step.contents, strict=True)
        ]
        return await self._database.write(
            lambda connection: _write(connection, step.cursor, parts, etag)
        )

    async def reset_rollup(self, ledger: LedgerId) -> str:
        """Set the cursor back to before the first page."""
        return await self._database.write(
            lambda connection: _write_cursor(connection, Cursor(ledger))
        )


def _write(
    connection: sqlite3.Connection,
    cursor: Cursor,
    parts: Iterable[tuple[str, str, bytes]],
    etag: str | None,
) -> str:
    found = connection.execute(
        "SELECT etag FROM rollups WHERE ledger = ? AND name = ?", (str(cursor.ledger), CURSOR_ID)
    ).fetchone()
    present = None if found is None else str(found[0])
    if present != etag:
        raise HeadMovedError(f"ledger {cursor.ledger}: its rollup's cursor is no longer {etag}")
    connection.executemany("REPLACE INTO rollups (ledger, name, document) VALUES (?, ?, ?)", parts)
    return _write_cursor(connection, cursor)


def _write_cursor(connection: sqlite3.Connection, cursor: Cursor) -> str:
    content = write_cursor(cursor)
    (etag,) = connection.execute(_WRITE_CURSOR, (str(cursor.ledger), CURSOR_ID, content)).fetchone()
    return str(etag)


def _part(ledger: LedgerId, content: bytes) -> Part:
    return read_part(_parsed(ledger, content), ledger)


def _parsed(ledger: LedgerId, content: bytes) -> Document:
    return parse_document(content, lambda reason: RollupBroken(str(ledger), reason))
