"""Decide which documents a statement needs, and draft them: issue, void, reissue."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.billing.statement import Statement
from metering.core.invoices.invoice import (
    Invoice,
    Terms,
    lines_of,
    live,
    part_of,
    parts_with_documents,
)
from metering.core.invoices.taxes import tax_lines
from metering.core.tenancy.customers import Customer


def missing_parts(statement: Statement, documents: Sequence[Invoice]) -> list[str]:
    """Return the parts that still need a document: credit notes first, the rest last."""
    have = parts_with_documents(statement, documents)
    if "" in have:
        return []
    wanted = [part for part in _credited(statement, documents) if part not in have]
    rest = lines_of(statement, "", {*have, *wanted})
    return [*wanted, ""] if any(line.rounded for line in rest) else wanted


def _credited(statement: Statement, documents: Iterable[Invoice]) -> Iterator[str]:
    """Yield the earlier periods that a statement reduces and that have an invoice."""
    invoiced = _invoices_by_period(statement, documents)
    for part in sorted({part_of(line, statement) for line in statement.lines} - {""}):
        if part in invoiced and sum(one.rounded for one in lines_of(statement, part, ())) < 0:
            yield part


def _invoices_by_period(statement: Statement, documents: Iterable[Invoice]) -> dict[str, Invoice]:
    return {
        one.period: one
        for (_, part), one in live(documents).items()
        if not part and one.currency == statement.currency
    }


class Place(NamedTuple):
    """The next free number."""

    series: str
    sequence: int
    previous: str
    """The hash of the document before it."""


class New(NamedTuple):
    """The particulars of a new document beside its lines."""

    place: Place
    customer: Customer
    terms: Terms
    now: Instant


def issue(
    statement: Statement,
    part: str,
    documents: Sequence[Invoice],
    new: New,
) -> Invoice:
    """Return the document of one part of a statement; `documents` are the tenant's so far."""
    have = parts_with_documents(statement, documents)
    amounts = [line.rounded for line in lines_of(statement, part, have)]
    earlier = _invoices_by_period(statement, documents).get(part) if part else None
    return _drafted(
        Invoice(
            series=new.place.series,
            sequence=new.place.sequence,
            position=len(documents) + 1,
            kind="credit_note" if sum(amounts) < 0 else "invoice",
            refers=earlier.number if earlier else "",
            ledger=statement.ledger,
            period=statement.period.name,
            statement=statement.number,
            statement_hash=statement.hash,
            part=part,
            issued=new.now,
            due=new.now + new.terms.payment_days * DAY,
            currency=statement.currency,
            net=sum(amounts),
            taxes=(),
            brought=0,
            payable=0,
            terms=new.terms,
            customer=new.customer,
            previous=new.place.previous,
        ),
        amounts,
        documents,
    )


class Change(NamedTuple):
    """Who voids or reissues a document, and why."""

    reason: str
    author: str


def void(
    of: Invoice, documents: Sequence[Invoice], place: Place, change: Change, now: Instant
) -> Invoice:
    """Return the void of a document: its amounts with the opposite sign."""
    if of.kind == "void":
        raise ConfigurationError(f"document {of.number} is a void: it cannot be voided itself")
    if live(documents).get((of.ledger, of.part)) != of:
        raise ConfigurationError(f"document {of.number} has been voided already")
    return replace(
        of,
        series=place.series,
        sequence=place.sequence,
        position=len(documents) + 1,
        kind="void",
        refers=of.number,
        issued=now,
        due=now,
        net=-of.net,
        taxes=tuple(one._replace(base=-one.base, amount=-one.amount) for one in of.taxes),
        brought=_balance(documents, of.currency),
        payable=-of.payable,
        reason=change.reason,
        author=change.author,
        previous=place.previous,
        hash="",
    )


def reissue(
    of: Invoice,
    statement: Statement,
    documents: Sequence[Invoice],
    new: New,
    change: Change,
) -> Invoice:
    """Return what replaces a voided document: the same lines under today's details and taxes."""
    if of.kind != "void":
        raise ConfigurationError(f"document {of.number} is not a void: void it first")
    if any(one.refers == of.number for one in documents):
        raise ConfigurationError(f"the void {of.number} has been reissued already")
    have = parts_with_documents(statement, documents) - {of.part}
    amounts = [line.rounded for line in lines_of(statement, of.part, have)]
    return _drafted(
        replace(
            of,
            series=new.place.series,
            sequence=new.place.sequence,
            position=len(documents) + 1,
            kind="reissue",
            refers=of.number,
            issued=new.now,
            due=new.now + new.terms.payment_days * DAY,
            net=sum(amounts),
            terms=new.terms,
            customer=new.customer,
            reason=change.reason,
            author=change.author,
            previous=new.place.previous,
            hash="",
        ),
        amounts,
        documents,
    )


def _drafted(of: Invoice, amounts: Sequence[Amount], documents: Sequence[Invoice]) -> Invoice:
    """Return a document with its taxes, and with what is payable after the balance."""
    taxes = () if of.customer.reverse_charge else of.terms.taxes
    taxed = replace(of, taxes=tax_lines(amounts, taxes, of.terms.tax_rounding, of.currency))
    brought = _balance(documents, of.currency)
    return replace(taxed, brought=brought, payable=max(0, taxed.gross + brought))


def _balance(documents: Iterable[Invoice], currency: str) -> Amount:
    return sum(one.gross - one.payable for one in documents if one.currency == currency)
