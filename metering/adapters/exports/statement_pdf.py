"""Statements, invoices, credit notes and voids as PDF."""

from collections.abc import Iterator, Sequence
from typing import Final

from metering.adapters.exports.paper import Paper, Party, Total, pdf_of
from metering.adapters.exports.statement_view import notes_of, sections_of, shown
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.billing.statement import Statement
from metering.core.invoices.invoice import Invoice, Issuer, Terms, lines_of, parts_with_documents
from metering.core.invoices.taxes import TaxLine, tax_lines
from metering.core.tenancy.customers import Customer

_TITLES: Final = {"invoice": "Invoice", "credit_note": "Credit note", "void": "Void"}
_EXACT: Final = "Amounts are exact to 18 decimals and rounded once, half to even."
_TAX_RULES: Final = {
    "document": "Each tax is rounded once, half to even, on the net of the document.",
    "line": "Each tax is rounded on each line, half to even, and summed.",
}


def statement_pdf(
    statement: Statement, terms: Terms, customer: Customer, *, is_draft: bool = False
) -> bytes:
    """Return a statement as a PDF, with the taxes and the due date of `terms`."""
    currency, period, own = statement.currency, statement.period, statement.billed[statement.ledger]
    taxes = tax_lines(
        [line.rounded for line in statement.lines],
        () if customer.reverse_charge else terms.taxes,
        terms.tax_rounding,
        currency,
    )
    gross = statement.total + sum(one.amount for one in taxes)
    sections = list(sections_of(statement.lines, currency))
    label = "Total with tax" if taxes else "Total"
    tenant = statement.ledger.tenant
    return pdf_of(
        Paper(
            title="Draft statement" if is_draft else "Statement",
            subtitle=f"{customer.name or tenant}, {period.name}",
            mark="The period is open: amounts may still change." if is_draft else "",
            owed_label=label,
            owed=f"{shown(gross, currency)} {currency}",
            parties=_parties(terms.issuer, customer, tenant),
            facts=(
                ("Number", str(statement.number)),
                ("Period", f"{_day(period.start)} to {_day(period.end)} (end exclusive)"),
                ("Plan", statement.plan),
                ("Drafted" if is_draft else "Closed", format_instant(statement.closed)),
                *([] if is_draft else [("Due", _day(statement.closed + terms.payment_days * DAY))]),
            ),
            sections=sections,
            currency=currency,
            totals_caption=_caption(taxes, terms),
            totals=[
                *(Total(one.title, one.amount) for one in sections),
                *_taxed(statement.total, taxes, currency),
                Total(label, f"{shown(gross, currency)} {currency}", is_strong=True),
            ],
            notes_title="Notes" if customer.reverse_charge else "Open when the period closed",
            notes=[*_reverse(customer, terms), *notes_of(statement)],
            footnotes=[_provenance(statement), _derivation(statement, own.page, own.hash)],
            author=terms.issuer.name,
            footer=f"{terms.issuer.name} · Statement {statement.number} · {tenant} · {period.name}",
        )
    )


def invoice_pdf(invoice: Invoice, statement: Statement, documents: Sequence[Invoice]) -> bytes:
    """Return a document as a PDF; `documents` are those of its tenant."""
    currency, terms, customer = invoice.currency, invoice.terms, invoice.customer
    others = parts_with_documents(statement, documents) - {invoice.part}
    sections = list(sections_of(lines_of(statement, invoice.part, others), currency))
    # A void has the amounts of what it takes back, with the opposite sign and without its lines.
    shown_sections = [] if invoice.kind == "void" else sections
    tenant = invoice.ledger.tenant
    return pdf_of(
        Paper(
            title=_title(invoice),
            subtitle=f"{customer.name or tenant}, {invoice.period}",
            owed_label="Payable",
            owed=f"{shown(invoice.payable, currency)} {currency}",
            parties=_parties(terms.issuer, customer, tenant),
            facts=list(_facts(invoice)),
            sections=shown_sections,
            currency=currency,
            totals_caption=_caption(invoice.taxes, terms),
            totals=[
                *(Total(one.title, one.amount) for one in shown_sections),
                *_taxed(invoice.net, invoice.taxes, currency),
                *_settled(invoice),
                Total("Payable", f"{shown(invoice.payable, currency)} {currency}", is_strong=True),
            ],
            notes_title="Notes",
            notes=_reverse(customer, terms),
            footnotes=[_origin(invoice)],
            author=terms.issuer.name,
            footer=f"{terms.issuer.name} · {_title(invoice)} {invoice.number} · {tenant}",
        )
    )


def _title(invoice: Invoice) -> str:
    if invoice.kind == "reissue":
        return "Credit note, reissued" if invoice.part else "Invoice, reissued"
    return _TITLES[invoice.kind]


def _facts(invoice: Invoice) -> Iterator[tuple[str, str]]:
    yield "Number", invoice.number
    yield "Date", _day(invoice.issued)
    if invoice.payable > 0:
        yield "Due", _day(invoice.due)
    if invoice.refers:
        said = {"credit_note": "Credits", "void": "Voids", "reissue": "Replaces"}
        yield said.get(invoice.kind, "Refers to"), invoice.refers
    yield "Period", invoice.part or invoice.period
    yield "Statement", f"{invoice.statement} of {invoice.ledger.tenant}, {invoice.period}"
    if invoice.reason:
        yield "Reason", invoice.reason


def _settled(invoice: Invoice) -> Iterator[Total]:
    """Yield what lies between the gross and the amount payable."""
    currency = invoice.currency
    if invoice.brought:
        yield Total("Balance of earlier documents", shown(invoice.brought, currency))
    if invoice.balance and invoice.kind != "void":
        yield Total("Left for the next document", shown(-invoice.balance, currency))


def _taxed(net: int, taxes: Sequence[TaxLine], currency: str) -> Iterator[Total]:
    if taxes:
        yield Total("Net", shown(net, currency), is_strong=True)
    for one in taxes:
        base = shown(one.base, currency)
        yield Total(f"{one.name} {one.percent} % of {base}", shown(one.amount, currency))


def _parties(issuer: Issuer, customer: Customer, tenant: str) -> list[Party]:
    theirs = [*customer.address, f"Account {tenant}", *_tax_id(customer.tax_id)]
    return [
        Party("From", issuer.name, [*issuer.address, *_tax_id(issuer.tax_id)]),
        Party("To", customer.name or tenant, theirs),
    ]


def _tax_id(text: str) -> list[str]:
    return [f"Tax id {text}"] if text else []


def _reverse(customer: Customer, terms: Terms) -> list[str]:
    return [terms.reverse_charge_note] if customer.reverse_charge else []


def _caption(taxes: Sequence[TaxLine], terms: Terms) -> str:
    return f"{_EXACT} {_TAX_RULES[terms.tax_rounding]}" if taxes else _EXACT


def _provenance(statement: Statement) -> str:
    counted = ", ".join(
        f"{rank.name.lower()} {count:,}" for rank, count in statement.provenance.items()
    )
    prices = ", ".join(statement.price_versions)
    return (
        f"Requests by provenance of their token counts: {counted or 'none'}."
        f" Prices: {prices or 'none'}."
    )


def _derivation(statement: Statement, page: int, page_hash: str) -> str:
    return (
        f"Computed from ledger {statement.ledger} through page {page} ({page_hash})."
        f" Statement {statement.hash}, previous statement {statement.previous}."
    )


def _origin(invoice: Invoice) -> str:
    return (
        f"From statement {invoice.statement_hash}. Document {invoice.hash}, previous document"
        f" {invoice.previous}."
    )


def _day(at: Instant) -> str:
    return format_instant(at)[:10]
