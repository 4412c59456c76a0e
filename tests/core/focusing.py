"""Statements with the usage that they bill, in the shape that tests of FOCUS rows need them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from metering.core.basics.csv_text import Figure
from metering.core.basics.instants import DAY
from metering.core.billing.statement import Late, Statement
from metering.core.calendars.periods import LedgerId, Period
from metering.core.focus.columns import COLUMNS, RowCells
from metering.core.focus.row import FocusRow
from metering.core.focus.rows import focus_rows
from metering.core.focus.usage import Billed, Changed, Count, ListPrices, Used, Where
from metering.core.ledger.head import RateTotals
from metering.core.plans.plan import Plan
from metering.core.prices.rating import Rate
from metering.core.usage.buckets import BUCKETS
from tests.builders import a_rate, price_book
from tests.statements import NOVEMBER, OCTOBER, a_bill, closed, recomputed

BOOK = price_book()
PRICES = ListPrices(BOOK)
(LISTED,) = BOOK.rows
#: With a markup of 10 percent: 2.75 in, 1.375 cached, 11 out per million.
GPT = a_rate("gpt-4o", input="2.75", cached_read="1.375", output="11")
WHERE = Where("sub-1", "chat", None, "gpt", "eastus", "openai")


def a_count(
    bucket: str,
    quantity: int,
    *,
    day: int = 0,
    rate: Rate = GPT,
    listed: str | None = LISTED,
    where: Where = WHERE,
    month: Period = NOVEMBER,
) -> Count:
    """Return what was used on one day of a month."""
    return Count(Used(month.start + day * DAY, rate, listed, where), bucket, quantity)


def totals_of(counts: Iterable[Count]) -> dict[Rate, RateTotals]:
    """Return what a head would have of such counts, each of them one request."""
    found: defaultdict[Rate, RateTotals] = defaultdict(RateTotals)
    for count in counts:
        tokens = tuple(count.quantity if name == count.bucket else 0 for name in BUCKETS)
        found[count.used.rate] = found[count.used.rate].plus(RateTotals(1, tokens=tokens))
    return dict(found)


def a_billed(counts: Sequence[Count], **terms: Any) -> Billed:
    """Return November's statement of such usage under a plan of such terms, and what it bills."""
    statement = closed(a_bill(totals_of(counts), **terms))
    own = {name: value for name, value in terms.items() if name in Plan.model_fields}
    plan = Plan(id="test", **own)
    return Billed(statement, Changed(statement.ledger, NOVEMBER, plan, counts))


def with_late(before: Sequence[Count], after: Sequence[Count], **terms: Any) -> Billed:
    """Return November's statement where October, billed before, has more usage than then."""
    ledger, plan = LedgerId("acme", OCTOBER.start), Plan(id="then", **terms)
    all_of = totals_of([*before, *after])
    late = recomputed(ledger, all_of, before=totals_of(before), pages=2)
    statement = closed(a_bill({}, late=[Late(OCTOBER, plan, late, has_statement=True)]))
    changed = Changed(ledger, OCTOBER, plan, after)
    own = Changed(statement.ledger, NOVEMBER, Plan(id="test"), ())
    return Billed(statement, own, [changed], {"2026-10": OCTOBER})


def rows_of(billed: Billed, prices: ListPrices = PRICES) -> list[FocusRow]:
    """Return all rows."""
    return list(focus_rows(billed, prices))


def written(statement: Statement, row: FocusRow) -> dict[str, str]:
    """Return a row as its columns are written, without what is empty."""
    made = zip(COLUMNS, RowCells(statement, "Contoso").cells(row), strict=True)
    return {
        name: cell.text if isinstance(cell, Figure) else str(cell)
        for name, cell in made
        if cell is not None
    }
