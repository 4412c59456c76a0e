"""Ledgers in SQLite."""

import sqlite3
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from metering.adapters.sqlite.database import Database, parse_document
from metering.adapters.sqlite.effects import insert_effects
from metering.core.basics.documents import Document
from metering.core.basics.errors import HeadMovedError, LedgerBroken
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.page import Page, read_page
from metering.ports import StoredHead

#: Pages of one query that reads a whole ledger.
_PAGES_A_READ: Final = 200


class SqliteLedgers:
    """Implements LedgerStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head as last committed."""
        found = await self._database.one(
            "SELECT document, etag FROM heads WHERE ledger = ?", str(ledger)
        )
        if found is None:
            return None
        return StoredHead(read_head(_parsed(ledger, found[0]), ledger), str(found[1]))

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number."""
        found = await self._database.one(
            "SELECT document FROM pages WHERE ledger = ? AND number = ?", str(ledger), number
        )
        return None if found is None else _page(ledger, found[0])

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number."""
        marks = ", ".join("?" * len(slots))
        rows = await self._database.all(
            f"SELECT document FROM pages WHERE ledger = ? AND slot IN ({marks})",  # noqa: S608, only question marks are put in
            str(ledger),
            *slots,
        )
        # Sorted here: with ORDER BY, SQLite would scan the whole ledger by number.
        pages = [_page(ledger, document) for (document,) in rows]
        return sorted(pages, key=lambda page: page.number)

    async def commit(self, commit: Commit, etag: str | None) -> str:
        """Write pages, head and effects in one transaction."""
        return await self._database.write(lambda connection: _commit(connection, commit, etag))

    async def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        """Yield all pages with a higher number than `after`, in order."""
        while True:
            rows = await self._database.all(
                "SELECT document FROM pages WHERE ledger = ? AND number > ?"
                " ORDER BY number LIMIT ?",
                str(ledger),
                after,
                _PAGES_A_READ,
            )
            for (document,) in rows:
                page = _page(ledger, document)
                yield page
                after = page.number
            if len(rows) < _PAGES_A_READ:
                return

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        if tenant is None:
            rows = await self._database.all(
                "SELECT ledger FROM heads UNION SELECT ledger FROM pages WHERE number = 1"
            )
        else:
            # Both use an index: a tenant's ledgers are named `tenant|start`, and `}` follows `|`.
            rows = await self._database.all(
                "SELECT ledger FROM heads WHERE tenant = ?1"
                " UNION SELECT ledger FROM pages WHERE ledger > ?2 AND ledger < ?3 AND number = 1",
                tenant,
                f"{tenant}|",
                f"{tenant}}}",
            )
        return sorted(LedgerId.parse(ledger) for (ledger,) in rows)


def _commit(connection: sqlite3.Connection, commit: Commit, etag: str | None) -> str:
    head, ledger = commit.head, str(commit.head.ledger)
    found = connection.execute("SELECT etag FROM heads WHERE ledger = ?", (ledger,)).fetchone()
    present = None if found is None else str(found[0])
    if present != etag:
        raise HeadMovedError(f"ledger {ledger}: its head is no longer {etag}")
    following = int(etag or 0) + 1
    connection.executemany(
        "INSERT INTO pages (ledger, number, slot, document) VALUES (?, ?, ?, ?)",
        [
            (ledger, page.number, page.slot, content)
            for page, content in zip(commit.pages, commit.contents, strict=True)
        ],
    )
    connection.execute(
        "REPLACE INTO heads (ledger, tenant, start, etag, next_at, document)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (ledger, head.ledger.tenant, head.ledger.start, following, head.next_at, write_head(head)),
    )
    insert_effects(connection, commit.effects)
    return str(following)


def _page(ledger: LedgerId, content: bytes) -> Page:
    return read_page(_parsed(ledger, content), ledger)


def _parsed(ledger: LedgerId, content: bytes) -> Document:
    return parse_document(content, lambda reason: LedgerBroken(str(ledger), reason))
