"""Prove documents: every number is there, and every amount follows from its statement."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.invoice_proof import InvoiceVerdict, chain_faults, derived_again
from metering.ports import InvoiceStore, StatementStore

#: Takes the place of the number of a document that cannot be read.
UNREADABLE: Final = "unreadable"
NOT_DERIVED: Final = "it is not what its statement and the documents before it give"


@dataclass(frozen=True, slots=True)
class VerifyInvoices:
    """The use case behind `metering statements verify` and `metering verify --statement`."""

    invoices: InvoiceStore
    statements: StatementStore

    async def run(self, tenants: Iterable[str], series: str = "") -> list[InvoiceVerdict]:
        """Return a verdict on every document of some tenants, and on gaps of their series.

        `series` is the one that is set, of which they may have no document.
        """
        found: list[InvoiceVerdict] = []
        every_series = {series} - {""}
        for tenant in tenants:
            have: list[Invoice] = []
            try:
                async for one in self.invoices.invoices(tenant):
                    faults = await self._faults(one, have)
                    found.append(InvoiceVerdict(one.number, tenant, tuple(faults)))
                    have.append(one)
            except InvariantBroken as fault:
                found.append(InvoiceVerdict(UNREADABLE, tenant, (str(fault),)))
            every_series |= {one.series for one in have}
        for name in sorted(every_series):
            found.extend(await self._series(name))
        return found

    async def _series(self, series: str) -> list[InvoiceVerdict]:
        """Return a verdict on each document of a series that does not follow the one before."""
        try:
            every = [one async for one in self.invoices.series(series)]
        except InvariantBroken as fault:
            return [InvoiceVerdict(UNREADABLE, "", (str(fault),))]
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
