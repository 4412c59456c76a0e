"""Repairs of ledgers in SQLite."""

from collections.abc import Sequence

from metering.adapters.sqlite.database import Database, parse_document
from metering.core.basics.documents import Document
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import write_head
from metering.core.ledger.page import Page, page_content, page_id


class SqliteRepairs:
    """Implements LedgerRepairs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page_document(
        self,
        ledger: LedgerId,
        number: int,
        segment: int,  # noqa: ARG002, a file has no partitions
    ) -> Document | None:
        """Return a page as it is stored."""
        found = await self._database.one(
            "SELECT document FROM pages WHERE ledger = ? AND number = ?", str(ledger), number
        )
        return None if found is None else _document(number, found[0])

    async def documents_after(
        self,
        ledger: LedgerId,
        page: int,
        segments: int,  # noqa: ARG002, as above
    ) -> list[Document]:
        """Return the pages and effects after a page."""
        pages = await self._database.all(
            "SELECT number, document FROM pages WHERE ledger = ? AND number > ? ORDER BY number",
            *(str(ledger), page),
        )
        effects = await self._database.all(
            "SELECT page, position, kind, detail, created FROM effects"
            " WHERE ledger = ? AND page > ? ORDER BY page, position",
            *(str(ledger), page),
        )
        names = ("page", "position", "kind", "detail", "created")
        return [
            *(_document(number, content) for number, content in pages),
            *(dict(zip(names, row, strict=True)) for row in effects),
        ]

    async def restore_page(self, page: Page, segment: int) -> None:  # noqa: ARG002, as above
        """Write a page over the one of its number."""
        await self._database.change(
            "UPDATE pages SET document = ? WHERE ledger = ? AND number = ?",
            *(page_content(page), str(page.ledger), page.number),
        )

    async def replace_heads(self, heads: Sequence[Head]) -> None:
        """Write the checkpoint, whatever is stored: there is one for all segments."""
        head = heads[-1]
        await self._database.change(
            "REPLACE INTO heads (ledger, tenant, start, etag, next_at, document)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(str(head.ledger), head.ledger.tenant, head.ledger.start, head.pages, head.next_at),
            write_head(head),
        )

    async def remove(self, ledger: LedgerId, documents: Sequence[Document]) -> None:
        """Remove pages and effects that `documents_after` returned."""
        pages = [(str(ledger), one["number"]) for one in documents if "number" in one]
        effects = [
            (str(ledger), one["page"], one["position"]) for one in documents if "page" in one
        ]
        await self._database.change_each("DELETE FROM pages WHERE ledger = ? AND number = ?", pages)
        await self._database.change_each(
            "DELETE FROM effects WHERE ledger = ? AND page = ? AND position = ?", effects
        )


def _document(number: int, content: bytes) -> Document:
    try:
        found = parse_document(content, ValueError)
    except ValueError:
        found = {"id": page_id(number), "unreadable": bytes(content).decode(errors="replace")}
    return {**found, "number": number}
