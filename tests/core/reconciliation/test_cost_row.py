"""Numbers of exports, read exactly, and what a quantity counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.reconciliation.cost_row import (
    ONE,
    CostRow,
    TokenMeter,
    format_exact,
    parse_exact,
    tokens_of,
)
from tests.builders import price_book

ROW = next(iter(price_book().rows.values()))
"""gpt-4o, global: 2.50 in a million."""
METER = TokenMeter("gpt-4o", "global", "standard", long_context=False, buckets=("input",))


def cost_row(quantity: str, cost: str, block: int = 1000, *, counts_blocks: bool = True) -> CostRow:
    return CostRow(
        "tokens",
        "2026-11-20",
        "contoso",
        None,
        "gpt 4o 1120 Inp glbl Tokens",
        parse_exact(quantity),
        parse_exact(cost),
        METER,
        block=block,
        counts_blocks=counts_blocks,
    )


@pytest.mark.parametrize(
    ("text", "value", "last"),
    [
        ("1.2E-05", "0.000012", "0.000001"),
        ("-1.50", "-1.5", "0.01"),
        ("12", "12", "1"),
        ("+.5", "0.5", "0.1"),
        ("3.", "3", "1"),
        ("2e3", "2000", "1000"),
        ("2.7600000000000003E-05", "0.000027600000000000003", "0.000000000000000000001"),
        ("0E-99", "0", "1"),
        ("1.0000000000000000000000000000000000000000", "1", "1"),
    ],
)
def test_a_number_is_read_as_it_is_written(text: str, value: str, last: str) -> None:
    found = parse_exact(text)
    assert (format_exact(found.value), format_exact(found.last)) == (value, last)


@pytest.mark.parametrize(
    "text", ["", ".", "-", "1,5", "NaN", "1e", "0x1", "1E-37", "1E26", "1" * 61, "1 2", "१"]
)
def test_what_is_no_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a decimal|too many digits"):
        parse_exact(text)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-9999, max_value=9999)
)
def test_a_number_that_is_written_again_is_the_same(number: object) -> None:
    found = parse_exact(f"{number}")
    assert parse_exact(format_exact(found.value)).value == found.value


def test_the_cost_tells_whether_a_quantity_counts_tokens_or_thousands() -> None:
    # 12 thousand tokens cost 12,000 x 2.50 / 1,000,000 = 0.03; 12 tokens 0.00003.
    assert tokens_of(cost_row("12", "0.03"), ROW) == 12_000 * ONE
    assert tokens_of(cost_row("12", "0.00003"), ROW) == 12 * ONE
    assert tokens_of(cost_row("12", "0.03", counts_blocks=False), ROW) == 12_000 * ONE
    # At a discount of 90 % too, and for what is given back.
    assert tokens_of(cost_row("12", "0.003"), ROW) == 12_000 * ONE
    assert tokens_of(cost_row("-12", "-0.00003"), ROW) == -12 * ONE


def test_without_a_cost_or_a_price_the_shape_of_the_export_decides() -> None:
    assert tokens_of(cost_row("12", "0"), ROW) == 12_000 * ONE
    assert tokens_of(cost_row("12", "0", counts_blocks=False), ROW) == 12 * ONE
    assert tokens_of(cost_row("12", "0.00003"), None) == 12_000 * ONE
    other = cost_row("12", "0.00003")._replace(meter=METER._replace(buckets=("cache_write",)))
    assert tokens_of(other, ROW) == 12_000 * ONE
    assert tokens_of(other._replace(meter=None), ROW) == 12_000 * ONE
    assert tokens_of(cost_row("12", "0.00003", block=1), ROW) == 12 * ONE
