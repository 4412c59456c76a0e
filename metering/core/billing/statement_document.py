"""Statements as stores keep them: JSON with integer strings for money, sealed by a hash.

The hash is SHA-256 over the document without it, as UTF-8 JSON with sorted keys and no white space;
a statement names the hash of the tenant's previous one, so that a missing one is noticed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from metering.core.basics.documents import (
    UNREADABLE_DOCUMENT,
    Document,
    check_schema,
    exact,
    read_whole,
)
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.money import Amount
from metering.core.billing.statement import Open, Statement, StatementLine
from metering.core.calendars.periods import LedgerId, Period
from metering.core.ledger.chain import Position
from metering.core.usage.evidence import Evidence

SCHEMA: Final = 1
#: Fields of a line that are money, which JSON numbers cannot hold exactly.
_MONEY: Final = ("amount", "rounded", "unit_price")


def sealed(statement: Statement) -> Statement:
    """Return a statement with its hash."""
    return replace(statement, hash=_hash_of(_unsealed(statement)))


def write_statement(statement: Statement) -> Document:
    """Return a sealed statement as the document to store; the hash covers quantities as numbers."""
    unsealed = _unsealed(statement)
    lines = [
        {**line, "quantity": exact(line["quantity"])} if "quantity" in line else line
        for line in unsealed["lines"]
    ]
    return {**unsealed, "lines": lines, "hash": statement.hash}


def _unsealed(statement: Statement) -> Document:
    period = statement.period
    # Only where there are any, so that the hashes of all other statements stay as they were.
    from_cache = {"from_cache": statement.from_cache} if statement.from_cache else {}
    return {
        "schema": SCHEMA,
        "tenant": statement.ledger.tenant,
        "ledger": str(statement.ledger),
        "period": {"name": period.name, "start": period.start, "end": period.end},
        "number": statement.number,
        "plan": statement.plan,
        "currency": statement.currency,
        "lines": [_line(line) for line in statement.lines],
        "billed": {str(ledger): list(mark) for ledger, mark in statement.billed.items()},
        "shared": [list(one) for one in statement.shared],
        "burnt": _texts(statement.burnt),
        "carried": _texts(statement.carried),
        "price_versions": list(statement.price_versions),
        "provenance": {rank.name.lower(): count for rank, count in statement.provenance.items()},
        "open": statement.open._asdict() | {"uncollected": list(statement.open.uncollected)},
        "closed": statement.closed,
        **from_cache,
        "previous": statement.previous,
    }


def _line(line: StatementLine) -> Document:
    """Return a line without its empty fields."""
    kept = {name: value for name, value in line._asdict().items() if value is not None}
    return {name: str(value) if name in _MONEY else value for name, value in kept.items()}


def _texts(amounts: Mapping[str, Amount]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


def read_statement(document: Document, tenant: str) -> Statement:
    """Return the statement of `tenant` in a document.

    Raises InvariantBroken for a document that is damaged, another tenant's, or of another schema.
    """
    what = f"statement {document.get('ledger')} of {tenant}"
    try:
        check_schema(document, SCHEMA, what)
    except ValueError as fault:
        raise InvariantBroken(f"{what}: {fault}") from None
    try:
        statement = _statement(document)
        digest = _hash_of(_unsealed(statement))
    except UNREADABLE_DOCUMENT as error:
        raise InvariantBroken(f"{what}: cannot be read: {error!r}") from None
    if digest != statement.hash:
        raise InvariantBroken(f"{what}: does not match its hash")
    if statement.ledger.tenant != tenant:
        raise InvariantBroken(f"{what}: is another tenant's")
    return statement


def _statement(document: Document) -> Statement:
    period = document["period"]
    billed = {
        LedgerId.parse(name): Position(*position) for name, position in document["billed"].items()
    }
    unsettled = document["open"]
    return Statement(
        ledger=LedgerId.parse(document["ledger"]),
        period=Period(period["start"], period["end"], period["name"]),
        number=document["number"],
        plan=document["plan"],
        currency=document["currency"],
        lines=tuple(map(_read_line, document["lines"])),
        billed=billed,
        shared=tuple((deployment, month) for deployment, month in document["shared"]),
        burnt=_amounts(document["burnt"]),
        carried=_amounts(document["carried"]),
        price_versions=tuple(document["price_versions"]),
        provenance={Evidence[name.upper()]: n for name, n in document["provenance"].items()},
        open=Open(**{**unsettled, "uncollected": tuple(unsettled["uncollected"])}),
        closed=document["closed"],
        from_cache=document.get("from_cache", 0),
        previous=document["previous"],
        hash=document["hash"],
    )


def _read_line(document: Mapping[str, Any]) -> StatementLine:
    money = {name: int(document[name]) for name in _MONEY if name in document}
    quantity = {"quantity": read_whole(document["quantity"])} if "quantity" in document else {}
    return StatementLine(**{**document, **money, **quantity})


def _amounts(texts: Mapping[str, str]) -> dict[str, Amount]:
    return {name: int(text) for name, text in texts.items()}


def _hash_of(document: Document) -> str:
    content = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
