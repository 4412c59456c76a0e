"""Wires the use cases of numbered documents."""

from collections.abc import Awaitable, Sequence
from functools import cached_property, partial
from typing import cast

from metering.app.exports.statement_export import Papers
from metering.app.invoices.issue_invoices import IssueInvoices
from metering.app.invoices.verify_invoices import VerifyInvoices
from metering.bootstrap.base import Base
from metering.core.billing.statement import Statement
from metering.core.invoices.invoice import Invoice, Issuer, Terms
from metering.core.invoices.taxes import TaxRounding, parse_taxes


class Invoices:
    """Issue, void, reissue and prove documents."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @property
    def terms(self) -> Terms:
        """The terms of documents, as set."""
        given = self._base.settings.invoicing
        return Terms(
            issuer=Issuer(name=given.issuer, address=given.address, tax_id=given.tax_id),
            taxes=parse_taxes(given.taxes) if given.taxes else (),
            tax_rounding=cast("TaxRounding", given.tax_rounding),
            payment_days=given.payment_days,
            reverse_charge_note=given.reverse_charge_note,
        )

    @cached_property
    def issue(self) -> IssueInvoices:
        """Issue documents."""
        given = self._base.settings.invoicing
        return IssueInvoices(
            invoices=self._base.stores.invoices,
            statements=self._base.stores.statements,
            tenancy=self._base.tenancy,
            clock=self._base.clock,
            alerts=self._base.alerts,
            series=given.series,
            since=given.since,
            terms=self.terms,
        )

    @cached_property
    def papers(self) -> Papers:
        """Render PDFs, beside the event loop: a page takes some 10 ms."""
        # The writer of PDFs takes a while to import: only those who use it wait for it.
        from metering.adapters.exports.statement_pdf import invoice_pdf, statement_pdf

        def statement(of: Statement, *, is_draft: bool = False) -> Awaitable[bytes]:
            customer = self._base.tenancy.directory.customers.of(of.ledger.tenant)
            return self._base.executor.run(
                lambda: statement_pdf(of, self.terms, customer, is_draft=is_draft)
            )

        def invoice(of: Invoice, on: Statement, every: Sequence[Invoice]) -> Awaitable[bytes]:
            return self._base.executor.run(lambda: invoice_pdf(of, on, every))

        return Papers(statement, partial(statement, is_draft=True), invoice)

    @cached_property
    def verify(self) -> VerifyInvoices:
        """Prove documents."""
        return VerifyInvoices(self._base.stores.invoices, self._base.stores.statements)
