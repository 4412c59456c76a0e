"""A forger of stores: changes what a store has and computes every hash again.

Whoever may write the store can do this. So it finds out what the chain alone does not show.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head, fold
from metering.core.ledger.head_document import write_head
from metering.core.ledger.page import GENESIS, Page, read_page

type Document = dict[str, Any]
type Forgery = Callable[[Document], None]


def sealed(document: Document) -> Document:
    """Return a document with the hash of its content."""
    kept = {name: value for name, value in document.items() if name != "hash"}
    content = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return kept | {"hash": hashlib.sha256(content.encode()).hexdigest()}


class Forger:
    """Rewrites one store of SQLite."""

    def __init__(self, store: Path) -> None:
        self._store = store

    def run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement in the store, and return its rows."""
        with closing(sqlite3.connect(self._store)) as store, store:
            return store.execute(sql, values).fetchall()

    def page(self, ledger: str, number: int, forge: Forgery) -> None:
        """Change a page; it, those after it and the head are made to fit."""
        documents = self.pages(ledger)
        forge(documents[number - 1])
        self.put_pages(ledger, documents)

    def pages(self, ledger: str) -> list[Document]:
        """Return the pages of a ledger."""
        rows = self.run("SELECT document FROM pages WHERE ledger = ? ORDER BY number", ledger)
        return [json.loads(content) for (content,) in rows]

    def put_pages(self, ledger: str, documents: list[Document]) -> None:
        """Put other pages in the place of a ledger's, numbered, chained and with a head."""
        self.run("DELETE FROM pages WHERE ledger = ?", ledger)
        name, previous, pages = LedgerId.parse(ledger), GENESIS, list[Page]()
        for number, document in enumerate(documents, start=1):
            moved = {"number": number, "id": f"page-{number:08d}", "previous": previous}
            made = sealed(document | moved)
            previous = made["hash"]
            pages.append(read_page(made, name))
            content = json.dumps(made, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            insert = "INSERT INTO pages (ledger, number, slot, document) VALUES (?, ?, ?, ?)"
            self.run(insert, ledger, number, made["slot"], content.encode())
        head = fold(Head(name), pages)
        update = "UPDATE heads SET document = ?, etag = ?, next_at = ? WHERE ledger = ?"
        self.run(update, write_head(head), head.pages, head.next_at, ledger)
        self.run("DELETE FROM rollups WHERE ledger = ?", ledger)

    def amounts(self, document: Document) -> None:
        """Make the amounts of a page its tokens times its rates."""
        columns, rates = document["columns"], document["rates"]
        for row, position in enumerate(columns["rate"]):
            units = rates[position]["units"]
            counts = {name: column[row] for name, column in columns["buckets"].items()}
            total = sum(count * int(units[name]) for name, count in counts.items() if count)
            columns["amount"][row] = str(total)
