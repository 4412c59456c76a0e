"""Proof of documents: numbers without a gap, chained, and amounts that follow from statements."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from metering.core.billing.statement import Statement
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.invoice_document import sealed
from metering.core.invoices.issuing import (
    Change,
    New,
    Place,
    issue,
    missing_parts,
    reissue,
    void,
)
from metering.core.ledger.page import GENESIS


class InvoiceVerdict(NamedTuple):
    """The result of deriving a document again; it is proven if there are no faults."""

    number: str
    tenant: str
    faults: tuple[str, ...] = ()


def chain_faults(documents: Iterable[Invoice]) -> Iterator[tuple[str, str]]:
    """Yield number and fault of every document that does not follow the one before it."""
    previous: Invoice | None = None
    for one in documents:
        expected = previous.sequence + 1 if previous else 1
        if one.sequence != expected:
            yield one.number, f"it follows {expected - 1}: a number is missing"
        elif one.previous != (previous.hash if previous else GENESIS):
            yield one.number, "it does not name the document before it: one was exchanged"
        previous = one


def derived_again(
    document: Invoice, documents: Sequence[Invoice], statement: Statement
) -> Invoice | None:
    """Return a document as its statement and the tenant's earlier documents give it.

    None if they give no such document.
    """
    place = Place(document.series, document.sequence, document.previous)
    change = Change(document.reason, document.author)
    by_number = {one.number: one for one in documents}
    new = New(place, document.customer, document.terms, document.issued)
    if document.kind not in {"void", "reissue"}:
        if document.part not in missing_parts(statement, documents):
            return None
        return sealed(issue(statement, document.part, documents, new))
    of = by_number.get(document.refers)
    if of is None:
        return None
    if document.kind == "void":
        return sealed(void(of, documents, place, change, new.now))
    return sealed(reissue(of, statement, documents, new, change))
