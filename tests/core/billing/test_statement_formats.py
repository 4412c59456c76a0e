"""A statement as JSON, CSV and a page: the same figures, and nothing that a program would run."""

import csv
import io
from dataclasses import replace

from metering.adapters.exports.statement_page import statement_page
from metering.core.basics.money import parse_amount
from metering.core.billing.statement import Late, Open, Statement
from metering.core.billing.statement_csv import statement_csv
from metering.core.billing.statement_json import statement_json
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import RateTotals
from metering.core.usage.buckets import from_names
from tests.builders import a_line, a_rate, plan
from tests.statements import GPT, MILLION, OCTOBER, a_statement, adjusted, an_allocation, recomputed


def everything() -> Statement:
    """Return a statement with a line of nearly every kind."""
    price = parse_amount("4") // MILLION
    search = a_rate("search")._replace(unit="query", units=(*GPT.units[:-1], price))
    searches = RateTotals(3, tokens=from_names({"quantity": 2_500_000}))
    ledger = LedgerId("acme", OCTOBER.start)
    late = recomputed(ledger, {GPT: a_line(input=MILLION)}, before={}, pages=2)
    found = a_statement(
        {
            GPT: a_line(2, input=MILLION, output=1),
            search: searches,
        },
        late=[Late(OCTOBER, plan(), late, has_statement=True)],
        allocations=[an_allocation(parse_amount("7"), 0)],
        adjustments=[adjusted("-20.125", reason="=cmd|' /C calc'!A0", author="<b>ada</b>")],
        base_fee="5",
    )
    return replace(found, open=Open(1, 2, 3, 4, ("2026-09",)))


def test_json_has_decimal_strings_for_money_and_numbers_for_counts() -> None:
    found = statement_json(everything())
    assert (found["tenant"], found["period"], found["currency"]) == ("acme", "2026-11", "USD")
    first = found["lines"][0]
    assert (first["kind"], first["model"], first["bucket"], first["quantity"]) == (
        *("usage", "gpt-4o", "input", 1_000_000),
    )
    assert (first["unit_price"], first["amount"], first["rounded"]) == ("0.0000025", "2.5", "2.50")
    # Of another meter: 2.5 queries at 4 are 10.
    other = next(line for line in found["lines"] if line["model"] == "search")
    assert (other["quantity"], other["unit_price"], other["amount"]) == ("2.5", "4", "10")
    # 2.5 + 0.00001 + 10 + 5 + 7 + 2.5 - 20.125 = 6.87501: 6.88.
    assert found["total"] == "6.88"
    assert found["lines"][-1]["kind"] == "rounding"
    assert found["lines"][-1]["amount"] == "0.00499"


def test_csv_rows_add_up_and_no_cell_is_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(statement_csv(everything()))))
    amounts = [parse_amount(row["amount"]) for row in rows]
    assert sum(amounts[:-1]) == amounts[-1] == parse_amount("6.88")
    shown = [parse_amount(row["rounded"]) for row in rows]
    assert sum(shown[:-1]) == shown[-1]
    assert rows[-1]["kind"] == "total"
    (adjustment,) = (row for row in rows if row["kind"] == "adjustment")
    assert adjustment["reason"] == "'=cmd|' /C calc'!A0"


def test_the_page_escapes_what_comes_from_outside_and_names_what_is_open() -> None:
    page = statement_page(everything())
    assert "<b>ada</b>" not in page
    assert "&lt;b&gt;ada&lt;/b&gt;" in page
    assert "6.88 USD" in page
    assert "1 request with token counts still outstanding" in page
    assert "4 / query" in page
    assert "2.5 / 1M tokens" in page
    assert "<script" not in page
    assert "http" not in page


def test_the_page_of_a_draft_says_so() -> None:
    page = statement_page(a_statement(), is_draft=True)
    assert "Draft statement" in page
    assert "Draft" not in statement_page(a_statement())
