"""Documents about statements in Cosmos DB: one partition of the registry.

A number, a place among a tenant's documents and a subject can each be taken once, so a document is
one transaction of three items. They are few, some kilobytes each: the partition takes millions.
"""

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any, Final

from azure.cosmos.exceptions import CosmosBatchOperationError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import REGISTRY
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.refusals import CONFLICT
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.invoice_document import read_invoice, write_invoice

_PARTITION: Final = "invoices"


class CosmosInvoices:
    """Implements InvoiceStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, REGISTRY)

    async def put_invoice(self, invoice: Invoice) -> bool:
        """Create a document and its marks; return False if one of them is taken."""
        self._account.clock_watch.must_be_right()
        async with self._account.container(REGISTRY) as container:
            try:
                await container.execute_item_batch(_creations(invoice), partition_key=_PARTITION)
            except CosmosBatchOperationError as error:
                if error.status_code == CONFLICT:
                    return False
                raise
        return True

    async def read_invoice(self, number: str) -> Invoice | None:
        """Return a document by its number: a point read."""
        found = await self._documents.read(_name(number), _PARTITION)
        return None if found is None else read_invoice(found)

    async def latest_invoice(self, series: str) -> Invoice | None:
        """Return the last document of a series."""
        query = "SELECT TOP 1 * FROM c WHERE c.series = @series ORDER BY c.number DESC"
        found = self._documents.select(query, {"@series": series}, partition=_PARTITION)
        return next(iter([read_invoice(one) async for one in found]), None)

    async def invoices(self, tenant: str) -> AsyncIterator[Invoice]:
        """Yield a tenant's documents in order."""
        query = "SELECT * FROM c WHERE c.tenant = @tenant"
        found = self._documents.select(query, {"@tenant": tenant}, partition=_PARTITION)
        every = [read_invoice(one) async for one in found]
        for one in sorted(every, key=lambda one: one.position):
            yield one

    async def series(self, series: str) -> AsyncIterator[Invoice]:
        """Yield the documents of a series in order."""
        query = "SELECT * FROM c WHERE c.series = @series ORDER BY c.number"
        found = self._documents.select(query, {"@series": series}, partition=_PARTITION)
        async for one in found:
            yield read_invoice(one)


def _creations(invoice: Invoice) -> list[tuple[Any, ...]]:
    place = {"registry": _PARTITION, "number": invoice.sequence, "tenant": invoice.ledger.tenant}
    document = {**write_invoice(invoice), **place, "id": _name(invoice.number)}
    subject = sha256(invoice.subject.encode()).hexdigest()
    marks = (f"place-{invoice.ledger.tenant}-{invoice.position}", f"subject-{subject}")
    items = [document, *({"id": mark, "registry": _PARTITION} for mark in marks)]
    return [("create", (item,)) for item in items]


def _name(number: str) -> str:
    return f"invoice-{number}"
