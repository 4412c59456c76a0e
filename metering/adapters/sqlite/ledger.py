"""Ledgers in SQLite."""

import sqlite3
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple

from metering.adapters.executor import EXECUTOR
from metering.adapters.sqlite.database import Database, parse_document
from metering.adapters.sqlite.effects import insert_effects
from metering.core.basics.documents import Document
from metering.core.basics.errors import LedgerBroken
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit, left_behind, lost_race, with_seen
from metering.core.ledger.head import Head, follow
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.page import Page, read_page
from metering.ports import StoredHead

#: Pages of one query that reads a whole ledger: the event loop waits while they are copied.
_PAGES_A_READ: Final = 20
#: Documents that are read in the event loop: a millisecond or two.
_AT_ONCE_BYTES: Final = 65_536
#: Heads remembered, with the document of the last page of each.
_MAX_SEEN: Final = 256


class _Seen(NamedTuple):
    """A head as last read."""

    checkpoint: bytes
    stored: StoredHead
    last: bytes | None
    """The document of its last page; None if the checkpoint has all pages."""


class SqliteLedgers:
    """Implements LedgerStore."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: OrderedDict[LedgerId, _Seen] = OrderedDict()

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the checkpoint of the head and the pages after it, folded.

        Of a head that was read before, only the pages since are: as long as the checkpoint and the
        last page are, byte by byte, what they were.
        """
        found = await self._database.one("SELECT document FROM heads WHERE ledger = ?", str(ledger))
        seen = self._seen.pop(ledger, None)
        if found is None:
            return None
        if seen is None or seen.checkpoint != found[0]:
            checkpoint = read_head(_parsed(ledger, found[0]), ledger)
            seen = _Seen(found[0], StoredHead(checkpoint, checkpoint.pages), None)
        rows = await self._pages_from(ledger, seen)
        if seen.last is not None and rows[:1] != [seen.last]:
            checkpoint = read_head(_parsed(ledger, found[0]), ledger)
            seen = _Seen(found[0], StoredHead(checkpoint, checkpoint.pages), None)
            rows = await self._pages_from(ledger, seen)
        new = rows if seen.last is None else rows[1:]
        head = await _beside(new, lambda: follow(seen.stored.head, _read_all(ledger, new)))
        stored = StoredHead(head, seen.stored.checkpoint)
        self._seen[ledger] = _Seen(found[0], stored, rows[-1] if rows else None)
        if len(self._seen) > _MAX_SEEN:
            self._seen.popitem(last=False)
        return stored

    async def _pages_from(self, ledger: LedgerId, seen: "_Seen") -> list[bytes]:
        """Return the documents of the pages after those seen, and that of the last one seen."""
        rows = await self._database.all(
            "SELECT document FROM pages WHERE ledger = ? AND number >= ? ORDER BY number",
            str(ledger),
            seen.stored.head.pages + (seen.last is None),
        )
        return [document for (document,) in rows]

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number."""
        found = await self._database.one(
            "SELECT document FROM pages WHERE ledger = ? AND number = ?", str(ledger), number
        )
        return None if found is None else (await _pages(ledger, [found[0]]))[0]

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number."""
        marks = ", ".join("?" * len(slots))
        rows = await self._database.all(
            f"SELECT document FROM pages WHERE ledger = ? AND slot IN ({marks})",  # noqa: S608, only question marks are put in
            str(ledger),
            *slots,
        )
        # Sorted here: with ORDER BY, SQLite would scan the whole ledger by number.
        pages = await _pages(ledger, [document for (document,) in rows])
        return sorted(pages, key=lambda page: page.number)

    async def latest_slots(self, ledger: LedgerId, before: Slot, limit: int) -> list[Slot]:
        """Return the slots of the last pages before a slot, one for each page."""
        rows = await self._database.all(
            "SELECT slot FROM pages WHERE ledger = ? AND slot < ? ORDER BY slot DESC LIMIT ?",
            str(ledger),
            before,
            limit,
        )
        return [slot for (slot,) in rows]

    async def commit(self, commit: Commit) -> None:
        """Create pages and effects, and write the checkpoint where one is due."""
        await self._database.write(lambda connection: _commit(connection, commit))

    async def write_checkpoint(self, head: Head) -> bool:
        """Write the checkpoint, unless the one that is stored is as new."""
        return await self._database.write(lambda connection: _write_checkpoint(connection, head))

    async def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        """Yield all pages with a higher number than `after`, in order."""
        async with aclosing(self._contents_after(ledger, after)) as contents:
            async for content in contents:
                if len(content) <= _AT_ONCE_BYTES:
                    yield _page(ledger, content)
                else:
                    yield (await _pages(ledger, [content]))[0]

    async def page_documents(self, ledger: LedgerId) -> AsyncGenerator[Document]:
        """Yield the documents of all pages."""
        async with aclosing(self._contents_after(ledger, 0)) as contents:
            async for content in contents:
                yield _parsed(ledger, content)

    async def _contents_after(self, ledger: LedgerId, after: int) -> AsyncGenerator[bytes]:
        while True:
            rows = await self._database.all(
                "SELECT number, document FROM pages WHERE ledger = ? AND number > ?"
                " ORDER BY number LIMIT ?",
                str(ledger),
                after,
                _PAGES_A_READ,
            )
            for number, content in rows:
                yield content
                after = number
            if len(rows) < _PAGES_A_READ:
                return

    async def ledgers_of_pages(self) -> list[LedgerId]:
        """Return the ledgers that have any page."""
        rows = await self._database.all("SELECT DISTINCT ledger FROM pages")
        return sorted(LedgerId.parse(ledger) for (ledger,) in rows)

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


def _commit(connection: sqlite3.Connection, commit: Commit) -> None:
    ledger = str(commit.head.ledger)
    try:
        connection.executemany(
            "INSERT INTO pages (ledger, number, slot, document) VALUES (?, ?, ?, ?)",
            [
                (ledger, page.number, page.slot, content)
                for page, content in zip(commit.pages, commit.contents, strict=True)
            ],
        )
    except sqlite3.IntegrityError:
        raise lost_race(commit) from None
    if commit.checkpoint and not _write_checkpoint(connection, commit.head):
        _note(connection, commit)
    try:
        insert_effects(connection, commit.effects)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
            raise left_behind(commit) from None
        raise


def _note(connection: sqlite3.Connection, commit: Commit) -> None:
    """Add what a commit without pages saw to a checkpoint that is as new or newer."""
    ledger = commit.head.ledger
    (content,) = connection.execute(
        "SELECT document FROM heads WHERE ledger = ?", (str(ledger),)
    ).fetchone()
    head = with_seen(read_head(_parsed(ledger, content), ledger), commit)
    connection.execute(
        "UPDATE heads SET document = ? WHERE ledger = ?", (write_head(head), str(ledger))
    )


def _write_checkpoint(connection: sqlite3.Connection, head: Head) -> bool:
    written = connection.execute(
        "INSERT INTO heads (ledger, tenant, start, etag, next_at, document)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (ledger) DO UPDATE SET"
        " etag = excluded.etag, next_at = excluded.next_at, document = excluded.document"
        " WHERE json_extract(CAST(heads.document AS TEXT), '$.pages') < excluded.etag",
        (
            str(head.ledger),
            head.ledger.tenant,
            head.ledger.start,
            head.pages,
            head.next_at,
            write_head(head),
        ),
    )
    return written.rowcount > 0


async def _pages(ledger: LedgerId, documents: Sequence[bytes]) -> list[Page]:
    return await _beside(documents, lambda: _read_all(ledger, documents))


async def _beside[T](documents: Sequence[bytes], work: Callable[[], T]) -> T:
    """Return the result of work on documents of pages.

    A few large ones take tenths of a second, in which the event loop must answer others.
    """
    if sum(map(len, documents)) <= _AT_ONCE_BYTES:
        return work()
    return await EXECUTOR.run(work)


def _read_all(ledger: LedgerId, documents: Iterable[bytes]) -> list[Page]:
    return [_page(ledger, document) for document in documents]


def _page(ledger: LedgerId, content: bytes) -> Page:
    return read_page(_parsed(ledger, content), ledger)


def _parsed(ledger: LedgerId, content: bytes) -> Document:
    return parse_document(content, lambda reason: LedgerBroken(str(ledger), reason))
