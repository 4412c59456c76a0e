"""Documents about statements, in the shape that tests need them."""

from collections.abc import Sequence

from metering.core.basics.instants import DAY
from metering.core.billing.statement import Statement
from metering.core.invoices.invoice import Invoice, Issuer, Terms
from metering.core.invoices.invoice_document import sealed
from metering.core.invoices.issuing import Change, New, Place, issue, missing_parts
from metering.core.invoices.taxes import parse_taxes
from metering.core.ledger.page import GENESIS
from metering.core.tenancy.customers import Customer

TERMS = Terms(
    Issuer(name="Contoso IT", address=("1 Example Street", "10115 Berlin"), tax_id="DE123456789"),
    parse_taxes("VAT=20"),
    reverse_charge_note="Reverse charge.",
)
ACME = Customer(name="Acme GmbH", address=("Hauptplatz 1", "1010 Wien"), tax_id="ATU12345678")
WRONG = Change("wrong address", "ada")


def place(documents: Sequence[Invoice], series: str = "INV-") -> Place:
    """Return the next free number after these documents."""
    own = [one for one in documents if one.series == series]
    return Place(series, len(own) + 1, own[-1].hash if own else GENESIS)


def new(
    documents: Sequence[Invoice],
    statement: Statement,
    customer: Customer = ACME,
    terms: Terms = TERMS,
) -> New:
    """Return what a document gets that is issued when a statement is closed."""
    return New(place(documents), customer, terms, statement.closed)


def issued(
    statement: Statement,
    documents: Sequence[Invoice] = (),
    customer: Customer = ACME,
    terms: Terms = TERMS,
) -> list[Invoice]:
    """Return these documents and all that a statement adds."""
    found = list(documents)
    while parts := missing_parts(statement, found):
        given = new(found, statement, customer, terms)
        found.append(sealed(issue(statement, parts[0], found, given)))
    return found


LATER = 3 * DAY
