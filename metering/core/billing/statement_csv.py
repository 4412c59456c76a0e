"""Statements as CSV: one row per line, for spreadsheets and chargeback systems."""

from collections.abc import Iterable, Iterator
from typing import Final

from metering.core.basics.csv_text import Cell, Figure, csv_line, figure
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_paid
from metering.core.billing.statement import Statement, StatementLine
from metering.core.billing.statement_json import quantity_of, unit_price_of

COLUMNS: Final = (
    *("tenant", "period", "start", "end", "number", "currency", "kind", "model", "bucket"),
    *("quantity", "unit", "unit_price", "amount", "rounded", "term", "charge_period"),
    *("corrects", "channel", "reference", "reason", "author"),
)


def statement_csv(statement: Statement, *, is_draft: bool = False) -> str:
    """Return a statement with its header; the last row, of kind `total`, is the amount owed.

    A draft has no number yet: it says `draft` there.
    """
    return "".join(csv_line(row) for row in (COLUMNS, *rows_of(statement, is_draft=is_draft)))


def rows_of(statement: Statement, *, is_draft: bool) -> Iterator[Iterable[Cell]]:
    """Yield the rows: every line, then the total."""
    period = statement.period
    which: tuple[Cell, ...] = (
        statement.ledger.tenant,
        period.name,
        format_instant(period.start),
        format_instant(period.end),
        "draft" if is_draft else statement.number,
        statement.currency,
    )
    for line in statement.lines:
        yield *which, *_cells(line, statement.currency)
    total = statement.total
    shown = Figure(format_paid(total, statement.currency))
    nothing = (None,) * 5
    yield *which, "total", *nothing, figure(total), shown, *nothing, None, None


def _cells(line: StatementLine, currency: str) -> Iterator[Cell]:
    quantity, price = quantity_of(line), unit_price_of(line)
    yield line.kind
    yield line.model
    yield line.bucket
    yield Figure(quantity) if isinstance(quantity, str) else quantity
    yield line.unit
    yield None if price is None else Figure(price)
    yield figure(line.amount)
    yield Figure(format_paid(line.rounded, currency))
    yield line.term
    yield line.charge_period
    yield line.corrects
    yield line.channel
    yield line.reference
    yield line.reason
    yield line.author
