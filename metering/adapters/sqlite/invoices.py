"""Documents about statements in SQLite."""

from collections.abc import AsyncIterator

from pydantic_core import to_json

from metering.adapters.sqlite.database import Database, parse_document
from metering.core.basics.errors import InvariantBroken
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.invoice_document import read_invoice, write_invoice


class SqliteInvoices:
    """Implements InvoiceStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_invoice(self, invoice: Invoice) -> bool:
        """Store a document; return False if its number, place or subject is taken."""
        created = await self._database.change(
            "INSERT OR IGNORE INTO invoices VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(invoice.number, invoice.series, invoice.sequence, invoice.ledger.tenant),
            *(invoice.position, invoice.subject, to_json(write_invoice(invoice))),
        )
        return created == 1

    async def read_invoice(self, number: str) -> Invoice | None:
        """Return a document by its number."""
        return await self._one("number = ?", number)

    async def latest_invoice(self, series: str) -> Invoice | None:
        """Return the last document of a series."""
        return await self._one("series = ? ORDER BY sequence DESC LIMIT 1", series)

    async def invoices(self, tenant: str) -> AsyncIterator[Invoice]:
        """Yield a tenant's documents in order."""
        found = await self._one("tenant = ? ORDER BY position LIMIT 1", tenant)
        while found is not None:
            yield found
            following = "tenant = ? AND position > ? ORDER BY position LIMIT 1"
            found = await self._one(following, tenant, found.position)

    async def series(self, series: str) -> AsyncIterator[Invoice]:
        """Yield the documents of a series in order."""
        found = await self._one("series = ? ORDER BY sequence LIMIT 1", series)
        while found is not None:
            yield found
            following = "series = ? AND sequence > ? ORDER BY sequence LIMIT 1"
            found = await self._one(following, series, found.sequence)

    async def _one(self, where: str, *values: str | int) -> Invoice | None:
        found = await self._database.one(
            f"SELECT document FROM invoices WHERE {where}",  # noqa: S608, literals of above
            *values,
        )
        if found is None:
            return None
        return read_invoice(
            parse_document(found[0], lambda reason: InvariantBroken(f"document: {reason}"))
        )
