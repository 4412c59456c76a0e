"""Documents as stores keep them, and as machines read them: sealed by a hash, chained by series."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from metering.core.basics.documents import (
    UNREADABLE_DOCUMENT,
    Document,
    check_schema,
)
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_paid
from metering.core.calendars.periods import LedgerId
from metering.core.invoices.invoice import Invoice, Issuer, Terms
from metering.core.invoices.taxes import Tax, TaxLine
from metering.core.tenancy.customers import Customer

SCHEMA: Final = 1
_MONEY: Final = ("net", "brought", "payable")
_PLAIN: Final = (
    *("series", "sequence", "position", "kind", "refers", "period", "statement"),
    *("statement_hash", "part", "issued", "due", "currency", "reason", "author", "previous"),
)


def sealed(invoice: Invoice) -> Invoice:
    """Return a document with its hash."""
    return replace(invoice, hash=_hash_of(_unsealed(invoice)))


def write_invoice(invoice: Invoice) -> Document:
    """Return a sealed document as it is stored."""
    return {**_unsealed(invoice), "hash": invoice.hash}


def _unsealed(invoice: Invoice) -> Document:
    terms = invoice.terms
    return {
        "schema": SCHEMA,
        "ledger": str(invoice.ledger),
        **{name: getattr(invoice, name) for name in _PLAIN},
        **{name: str(getattr(invoice, name)) for name in _MONEY},
        "taxes": [[one.name, one.rate, str(one.base), str(one.amount)] for one in invoice.taxes],
        "terms": {
            "issuer": terms.issuer.model_dump(mode="json"),
            "taxes": [list(tax) for tax in terms.taxes],
            "tax_rounding": terms.tax_rounding,
            "payment_days": terms.payment_days,
            "reverse_charge_note": terms.reverse_charge_note,
        },
        # Who receives a digest is on no paper.
        "customer": invoice.customer.model_dump(mode="json", exclude={"recipients"}),
    }


def read_invoice(document: Document) -> Invoice:
    """Return a stored document. Raises InvariantBroken for one that is damaged or newer."""
    what = f"document {document.get('series')}{document.get('sequence')}"
    try:
        check_schema(document, SCHEMA, what)
        invoice = _invoice(document)
        digest = _hash_of(_unsealed(invoice))
    except UNREADABLE_DOCUMENT as error:
        raise InvariantBroken(f"{what}: cannot be read: {error!r}") from None
    if digest != invoice.hash:
        raise InvariantBroken(f"{what}: does not match its hash")
    return invoice


def _invoice(document: Document) -> Invoice:
    terms = document["terms"]
    plain: dict[str, Any] = {name: document[name] for name in _PLAIN}
    plain |= {name: int(document[name]) for name in _MONEY}
    return Invoice(
        ledger=LedgerId.parse(document["ledger"]),
        **plain,
        taxes=tuple(
            TaxLine(name, rate, int(base), int(amount))
            for name, rate, base, amount in document["taxes"]
        ),
        terms=Terms(
            issuer=Issuer.model_validate_json(json.dumps(terms["issuer"])),
            taxes=tuple(Tax(name, rate) for name, rate in terms["taxes"]),
            tax_rounding=terms["tax_rounding"],
            payment_days=terms["payment_days"],
            reverse_charge_note=terms["reverse_charge_note"],
        ),
        customer=Customer.model_validate_json(json.dumps(document["customer"])),
        hash=document["hash"],
    )


def _hash_of(document: Mapping[str, Any]) -> str:
    content = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def invoice_json(invoice: Invoice) -> dict[str, Any]:
    """Return a document for machines: decimal strings for money, RFC 3339 for times."""

    def shown(amount: int) -> str:
        return format_paid(amount, invoice.currency)

    return {
        "number": invoice.number,
        "kind": invoice.kind,
        "refers_to": invoice.refers or None,
        "tenant": invoice.ledger.tenant,
        "period": invoice.period,
        "credits_period": invoice.part or None,
        "statement": invoice.statement,
        "statement_hash": invoice.statement_hash,
        "issued": format_instant(invoice.issued),
        "due": format_instant(invoice.due),
        "currency": invoice.currency,
        "net": shown(invoice.net),
        "taxes": [
            {
                "name": one.name,
                "percent": one.percent,
                "base": shown(one.base),
                "amount": shown(one.amount),
            }
            for one in invoice.taxes
        ],
        "tax_rounding": invoice.terms.tax_rounding,
        "gross": shown(invoice.gross),
        "brought": shown(invoice.brought),
        "payable": shown(invoice.payable),
        "balance": shown(invoice.balance),
        "issuer": invoice.terms.issuer.model_dump(mode="json"),
        "customer": invoice.customer.model_dump(mode="json", exclude={"recipients"}),
        "reason": invoice.reason or None,
        "author": invoice.author or None,
        "previous": invoice.previous,
        "hash": invoice.hash,
    }
