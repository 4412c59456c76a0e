"""Why what was billed differs: each explanation, and that the parts always add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.money import parse_amount
from metering.core.reconciliation.cost_row import ONE, format_exact, parse_exact
from metering.core.reconciliation.explain import (
    AMOUNT_SCALE,
    BilledSide,
    LedgerSide,
    Precision,
    Shift,
    explain_amount,
    explain_tokens,
    token_difference,
)

FINE = Precision(parse_exact("0.000001").value, parse_exact("0.000001").value)

type Parts = list[tuple[str, str, str]]


def ours(tokens: int = 0, amount: str = "0", **more: int) -> LedgerSide:
    return LedgerSide(tokens=tokens, amount=parse_amount(amount), **more)


def theirs(tokens: str = "0", cost: str = "0", *, rows: int = 1) -> BilledSide:
    """Return what was billed in thousands of tokens."""
    blocks = rows * 1000
    return BilledSide(parse_exact(tokens).value, parse_exact(cost).value, rows=rows, blocks=blocks)


def why(
    mine: LedgerSide, billed: BilledSide, moved: Shift | None = None, precision: Precision = FINE
) -> Parts:
    parts = explain_tokens(mine, billed, precision, moved or Shift())
    return [(part.why, format_exact(part.tokens), format_exact(part.amount)) for part in parts]


def test_what_is_the_same_needs_no_explanation() -> None:
    assert why(ours(1000, "0.0025"), theirs("1000", "0.0025")) == []


def test_tokens_without_a_price_are_worth_what_was_paid_for_them() -> None:
    # All 1,000 tokens cost 0.0025; 400 of ours have no price: 400 x 0.0000025 = 0.001.
    found = why(ours(1000, "0.0015", unpriced=400), theirs("1000", "0.0025"))
    assert found == [("unpriced", "0", "0.001")]


def test_a_difference_within_half_of_the_last_digit_is_rounding() -> None:
    # A quantity of three decimals in thousands: half of the last is half a token. The cost has
    # six decimals: half of the last is 0.0000005.
    rough = Precision(parse_exact("0.001").value, parse_exact("0.000001").value)
    found = why(ours(1234, "0.003085"), theirs("1234.5", "0.003086"), precision=rough)
    # 0.5 tokens at 0.003086 / 1,234.5, and the rest of 0.000001.
    assert found == [("rounding", "0.5", "0.000001")]
    # Half a token more is no rounding any more.
    beyond = why(ours(1234, "0.003085"), theirs("1235", "0.0030875"), precision=rough)
    assert beyond == [("unmetered", "1", "0.0000025")]


def test_quantities_in_coarse_units_round_to_many_tokens() -> None:
    rough = Precision(parse_exact("0.01").value, parse_exact("0.01").value)
    # Two rows in thousands with two decimals: 2 x 1,000 x 0.01 / 2 = 10 tokens.
    assert why(ours(5010, "0.02"), theirs("5020", "0.02", rows=2), precision=rough) == [
        ("rounding", "10", "0")
    ]
    assert why(ours(5010, "0.02"), theirs("5021", "0.02", rows=2), precision=rough)[-1][:2] == (
        "unmetered",
        "11",
    )


def test_the_same_tokens_at_another_price_are_a_difference_in_price() -> None:
    assert why(ours(1000, "0.0025"), theirs("1000", "0.002")) == [("price", "0", "-0.0005")]


def test_tokens_that_are_only_billed_are_unmetered_and_only_ours_unbilled() -> None:
    assert why(ours(), theirs("1000", "0.0025")) == [("unmetered", "1000", "0.0025")]
    assert why(ours(1000, "0.0025"), BilledSide()) == [("unbilled", "-1000", "-0.0025")]
    # 200 tokens less at 0.002 / 800 a token.
    assert why(ours(1000, "0.0025"), theirs("800", "0.002")) == [("unbilled", "-200", "-0.0005")]


def test_explanations_are_taken_in_their_order_and_never_beyond_the_difference() -> None:
    moved = Shift(totals_only=100 * ONE, late=200 * ONE, missing=1000 * ONE)
    # 2,000 billed, 500 ours: 1,500 more, each at 0.0000025.
    assert why(ours(500, "0.00125"), theirs("2000", "0.005"), moved) == [
        ("totals_only", "100", "0.00025"),
        ("late", "200", "0.0005"),
        ("missing", "1000", "0.0025"),
        ("unmetered", "200", "0.0005"),
    ]
    assert why(ours(1950, "0.004875"), theirs("2000", "0.005"), moved) == [
        ("totals_only", "50", "0.000125")
    ]
    # What was missed explains no lack of tokens.
    assert why(ours(2100, "0.00525"), theirs("2000", "0.005"), moved) == [
        ("unbilled", "-100", "-0.00025")
    ]


def test_a_lack_of_tokens_is_late_as_far_as_the_next_day_has_more() -> None:
    assert why(ours(1000, "0.0025"), theirs("600", "0.0015"), Shift(late=-300 * ONE)) == [
        ("late", "-300", "-0.00075"),
        ("unbilled", "-100", "-0.00025"),
    ]


def test_what_was_given_back_stands_apart() -> None:
    billed = theirs("1000", "0.0025")
    billed.credit_tokens, billed.credit = -1000 * ONE, parse_exact("-0.0025").value
    assert why(ours(1000, "0.0025"), billed) == [("credit", "-1000", "-0.0025")]


def test_a_correction_beyond_what_was_billed_is_worth_what_it_says() -> None:
    assert why(ours(), theirs("-100", "-0.001")) == [("unbilled", "-100", "-0.001")]
    # A cost without any quantity.
    assert why(ours(), theirs("0", "0.5")) == [("price", "0", "0.5")]
    # Tokens that were given away.
    assert why(ours(100, "0.001"), theirs("100", "0")) == [("price", "0", "-0.001")]


@pytest.mark.parametrize("sort", ["provisioned", "marketplace"])
def test_what_is_not_counted_in_tokens_is_compared_by_its_amount(sort: str) -> None:
    def found(amount: str, cost: str) -> Parts:
        parts = explain_amount(sort, ours(0, amount), theirs("0", cost), FINE)  # type: ignore[arg-type]
        return [(part.why, format_exact(part.tokens), format_exact(part.amount)) for part in parts]

    assert found("24", "24") == []
    assert found("24", "24.0000004") == [("rounding", "0", "0.0000004")]
    assert found("24", "20") == [(sort, "0", "-4")]


def test_a_meter_that_is_not_understood_is_never_called_rounding() -> None:
    parts = explain_amount("unmapped", LedgerSide(), theirs("0", "0.0000001"), FINE)
    assert [part.why for part in parts] == ["unmapped"]


numbers = st.integers(-(10**9), 10**9)
counts = st.integers(0, 10**9)
exact = st.integers(-(10**45), 10**45)
ours_of = st.builds(LedgerSide, numbers, numbers, numbers, numbers, st.integers(-(10**24), 10**24))
theirs_of = st.builds(BilledSide, exact, exact, exact, exact, counts, counts)


@given(
    ours_of,
    theirs_of,
    st.builds(Precision, st.integers(1, 10**36), st.integers(1, 10**36)),
    st.builds(Shift, exact, exact, exact),
)
def test_the_parts_of_a_line_add_up_to_its_difference_whatever_it_is(
    mine: LedgerSide, billed: BilledSide, precision: Precision, moved: Shift
) -> None:
    parts = explain_tokens(mine, billed, precision, moved)
    tokens = token_difference(mine, billed) + billed.credit_tokens
    amount = billed.cost + billed.credit - mine.amount * AMOUNT_SCALE
    assert sum(part.tokens for part in parts) == tokens
    assert sum(part.amount for part in parts) == amount
    alone = explain_amount("provisioned", mine, billed, precision)
    assert sum(part.amount for part in alone) == amount
    assert len({part.why for part in parts}) == len(parts)
