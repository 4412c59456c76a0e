"""Invoices, credit notes, voids and reissues; the details of customers."""

from typing import Any, Literal, Self

from pydantic import Field

from metering.core.invoices.invoice import MAX_REASON, Invoice
from metering.core.invoices.invoice_document import invoice_json
from metering.core.invoices.invoice_proof import InvoiceVerdict
from metering.core.tenancy.customers import (
    MAX_ADDRESS_LINE,
    MAX_ADDRESS_LINES,
    MAX_EMAIL,
    MAX_NAME,
    MAX_RECIPIENTS,
    MAX_TAX_ID,
    Customer,
)
from metering.documents.document import Document, RequestBody


class TaxDocument(Document):
    """One tax of a document."""

    name: str = Field(examples=["VAT"])
    percent: str = Field(examples=["20"])
    base: str
    amount: str


class InvoiceDocument(Document):
    """A numbered document about a statement."""

    number: str = Field(examples=["INV-000001"])
    kind: Literal["invoice", "credit_note", "void", "reissue"]
    refers_to: str | None = Field(
        description="The number of the document that it credits, voids or replaces."
    )
    tenant: str
    period: str
    credits_period: str | None = Field(description="The earlier period that it reduces.")
    statement: int = Field(description="The number of the statement among the tenant's.")
    statement_hash: str
    issued: str
    due: str
    currency: str
    net: str
    taxes: list[TaxDocument]
    tax_rounding: str
    gross: str
    brought: str = Field(description="The balance of earlier documents.")
    payable: str
    balance: str = Field(description="What is left for the next document.")
    issuer: dict[str, Any]
    customer: dict[str, Any]
    reason: str | None
    author: str | None
    previous: str = Field(description="The hash of the document before it in the series.")
    hash: str

    @classmethod
    def of(cls, invoice: Invoice) -> Self:
        """Return a document of an invoice."""
        return cls.model_validate(invoice_json(invoice))


class InvoiceProof(Document):
    """The proof of one document."""

    number: str
    tenant: str
    holds: bool
    faults: list[str]

    @classmethod
    def of(cls, verdict: InvoiceVerdict) -> Self:
        """Return the document of a verdict."""
        return cls(
            number=verdict.number,
            tenant=verdict.tenant,
            holds=not verdict.faults,
            faults=list(verdict.faults),
        )


class InvoiceChange(RequestBody):
    """Why a document is voided or reissued; it is printed."""

    reason: str = Field(default="", max_length=MAX_REASON, examples=["wrong address"])


class CustomerDocument(Document):
    """The details of a tenant on paper, and who receives its digest."""

    tenant: str
    name: str
    address: list[str]
    tax_id: str
    reverse_charge: bool
    recipients: list[str]

    @classmethod
    def of(cls, tenant: str, customer: Customer) -> Self:
        """Return the document of a customer."""
        return cls(tenant=tenant, **customer.model_dump(mode="json"))


class CustomerRequest(RequestBody):
    """The details of a tenant; they replace all earlier ones."""

    name: str = Field(default="", max_length=MAX_NAME, examples=["Acme GmbH"])
    address: list[str] = Field(
        default=[], max_length=MAX_ADDRESS_LINES, description=f"{MAX_ADDRESS_LINE} characters each."
    )
    tax_id: str = Field(default="", max_length=MAX_TAX_ID)
    reverse_charge: bool = False
    recipients: list[str] = Field(
        default=[], max_length=MAX_RECIPIENTS, description=f"Up to {MAX_EMAIL} characters each."
    )
