"""FOCUS 1.2 rows of a statement: together they come to its total, exactly.

Usage is one row for each UTC day, model, bucket, price and who used it, cut where a term of the
plan begins or ends (focus_terms.py). Everything else is one row for each line of the statement.
What changed in periods that were billed before has ChargeClass Correction and the days or the
period that it is about.
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
    """Yield the rows of a statement; InvariantBroken, at the end, if they do not come to its total.

    Nothing may be published before the last row was taken.
    """
    statement, total = billed.statement, 0
    for row in _rows(billed, prices):
        total += row.priced.cost
        yield row
    if total != statement.total:
        found, told = format_amount(total), format_amount(statement.total)
        raise InvariantBroken(f"statement {statement.ledger}: rows come to {found}, not {told}")


def _rows(billed: Billed, prices: ListPrices) -> Iterator[FocusRow]:
    statement, own = billed.statement, billed.own
    for part in parts_of(own.counts, statement.lines, own.plan):
        yield usage_row(statement, own, part, prices)
    for changed in billed.late:
        lines = [line for line in statement.lines if line.charge_period == changed.period.name]
        for part in corrected(changed.counts, lines, changed.plan):
            yield usage_row(statement, changed, part, prices)
    for number, line in enumerate(statement.lines):
        # A rounding line of nothing is for display: rounded lines add up by it, exact ones without.
        is_shown_only = line.kind == "rounding" and not line.amount
        if not (is_spread(line) or line.corrects == "usage" or is_shown_only):
            yield line_row(billed, number, line)
