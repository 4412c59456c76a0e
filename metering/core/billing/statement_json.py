"""Statements for machines: JSON with decimal strings for money, plain numbers for counts."""

from typing import Any

from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount, format_fixed, format_paid
from metering.core.billing.charge import WHOLE_UNITS
from metering.core.billing.statement import Statement, StatementLine
from metering.core.usage.buckets import QUANTITY_DECIMALS

#: Units that are counted in whole numbers; all others are counted in millionths.


def statement_json(statement: Statement) -> dict[str, Any]:
    """Return a statement as JSON. `total` is rounded to the minor unit; amounts are exact."""
    period = statement.period
    return {
        "tenant": statement.ledger.tenant,
        "period": period.name,
        "start": format_instant(period.start),
        "end": format_instant(period.end),
        "number": statement.number,
        "currency": statement.currency,
        "total": format_amount(statement.total),
        "lines": [line_json(line, statement.currency) for line in statement.lines],
        "plan": statement.plan,
        "price_versions": list(statement.price_versions),
        "provenance": {rank.name.lower(): count for rank, count in statement.provenance.items()},
        "from_cache": statement.from_cache,
        "open": {**statement.open._asdict(), "uncollected": list(statement.open.uncollected)},
        "billed": [
            {"ledger": str(ledger), "page": mark.page, "hash": mark.hash}
            for ledger, mark in sorted(statement.billed.items())
        ],
        "carried": {name: format_amount(amount) for name, amount in statement.carried.items()},
        "closed": format_instant(statement.closed),
        "previous": statement.previous,
        "hash": statement.hash,
    }


def line_json(line: StatementLine, currency: str) -> dict[str, Any]:
    """Return one line; empty fields are null. `unit_price` is the price of one `unit`."""
    return {
        "kind": line.kind,
        "model": line.model,
        "bucket": line.bucket,
        "quantity": quantity_of(line),
        "unit": line.unit,
        "unit_price": unit_price_of(line),
        "amount": format_amount(line.amount),
        "rounded": format_paid(line.rounded, currency),
        "term": line.term,
        "charge_period": line.charge_period,
        "corrects": line.corrects,
        "channel": line.channel,
        "reference": line.reference,
        "reason": line.reason,
        "author": line.author,
    }


def is_whole(line: StatementLine) -> bool:
    """Say whether a line's quantity is a whole number of units."""
    return line.unit in WHOLE_UNITS


def quantity_of(line: StatementLine) -> int | str | None:
    """Return a quantity in its unit: a number if it is whole, otherwise a decimal string."""
    if line.quantity is None or is_whole(line):
        return line.quantity
    return format_fixed(line.quantity, QUANTITY_DECIMALS)


def unit_price_of(line: StatementLine) -> str | None:
    """Return the price of one unit, a decimal string in currency units."""
    if line.unit_price is None:
        return None
    scale = 1 if is_whole(line) else 10**QUANTITY_DECIMALS
    return format_amount(line.unit_price * scale)
