"""FOCUS 1.2 rows of a statement: they add up to its total exactly.

Usage has one row for each UTC day, model, bucket, price and consumer, split where a term of the
plan begins or ends (terms.py). Every other line of the statement has one row. Changes to periods
that were billed before have ChargeClass Correction and the days or the period that they correct.
"""

from collections.abc import Iterator

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.money import format_amount
from metering.core.focus.lines import line_row
from metering.core.focus.row import FocusRow
from metering.core.focus.terms import corrected, is_spread, parts_of
from metering.core.focus.usage import Billed, ListPrices
from metering.core.focus.usage_rows import usage_row


def focus_rows(billed: Billed, prices: ListPrices) -> Iterator[FocusRow]:
    """Yield the rows of a statement. Publish nothing before the last row was yielded.

    Raises InvariantBroken, at the end, if the rows do not add up to the statement's total.
    """
    statement, total = billed.statement, 0
    for row in _rows(billed, prices):
        total += row.priced.cost
        yield row
    if total != statement.total:
        found, wanted = format_amount(total), format_amount(statement.total)
        raise InvariantBroken(
            f"statement {statement.ledger}: its rows add up to {found}, not to its total {wanted}"
        )


def _rows(billed: Billed, prices: ListPrices) -> Iterator[FocusRow]:
    statement, own = billed.statement, billed.own
    for part in parts_of(own.counts, statement.lines, own.plan):
        yield usage_row(statement, own, part, prices)
    for changed in billed.late:
        lines = [line for line in statement.lines if line.charge_period == changed.period.name]
        for part in corrected(changed.counts, lines, changed.plan):
            yield usage_row(statement, changed, part, prices)
    for number, line in enumerate(statement.lines):
        # A rounding line of zero is for display only: the exact lines add up without it.
        is_shown_only = line.kind == "rounding" and not line.amount
        if not (is_spread(line) or line.corrects == "usage" or is_shown_only):
            yield line_row(billed, number, line)
