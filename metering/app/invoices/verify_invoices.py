"""Prove documents: every number is there, and every amount follows from its statement."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.invoice_proof import InvoiceVerdict, chain_faults, derived_again
from metering.ports import InvoiceStore, StatementStore

NOT_DERIVED: Final = "it is not what its statement and the documents before it give"


@dataclass(frozen=True, slots=True)
class VerifyInvoices:
    """The use case behind `metering statements verify` and `metering verify --statement`."""

    invoices: InvoiceStore
    statements: StatementStore

    async def tenant(self, tenant: str) -> AsyncIterator[InvoiceVerdict]:
        """Derive every document of a tenant again; yield a verdict on each."""
        have: list[Invoice] = []
        async for one in self.invoices.invoices(tenant):
            yield InvoiceVerdict(one.number, tenant, tuple(await self._faults(one, have)))
            have.append(one)

    async def series(self, series: str) -> list[InvoiceVerdict]:
        """Return a verdict on each document of a series that does not follow the one before."""
        every = [one async for one in self.invoices.series(series)]
        tenant_of = {one.number: one.ledger.tenant for one in every}
        return [
            InvoiceVerdict(number, tenant_of[number], (fault,))
            for number, fault in chain_faults(every)
        ]

    async def _faults(self, document: Invoice, have: list[Invoice]) -> list[str]:
        if document.position != len(have) + 1:
            return ["a document of the tenant before it is missing"]
        try:
            statement = await self.statements.read_statement(document.ledger)
            if statement is None or statement.hash != document.statement_hash:
                return ["its statement is not there, or is another one"]
            derived = derived_again(document, have, statement)
        except (ConfigurationError, InvariantBroken) as fault:
            return [str(fault)]
        return [] if derived == document else [NOT_DERIVED]
