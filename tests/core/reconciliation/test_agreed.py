"""Agreed discounts: what is theirs, what is left of a difference, and what is no discount."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.money import parse_amount
from metering.core.reconciliation.agreed import Agreed, read_agreed
from metering.core.reconciliation.billed_usage import BilledUsage
from metering.core.reconciliation.cost_row import (
    ONE,
    CostRow,
    Sort,
    TokenMeter,
    format_exact,
    parse_exact,
)
from metering.core.reconciliation.explain import (
    BilledSide,
    LedgerSide,
    Part,
    Precision,
    Shift,
    explain_amount,
    explain_tokens,
)
from metering.core.reconciliation.report import Line, Report, uniform_discount

METER = TokenMeter("gpt-4o", "global", "standard", long_context=False, buckets=("input",))
FINE = Precision(parse_exact("0.000001").value, parse_exact("0.00000000000000000001").value)


def row(tokens: str, cost: str, category: str = "Foundry Models", sort: Sort = "tokens") -> CostRow:
    meter = METER if sort == "tokens" else None
    numbers = parse_exact(tokens), parse_exact(cost)
    return CostRow(sort, "2026-11-20", "c", None, "m", *numbers, meter, category=category)


def side(agreed: Agreed, *rows: CostRow) -> BilledSide:
    usage = BilledUsage()
    for one in rows:
        usage.add(one, "gpt-4o", None, agreed.share_of(one) or 0)
    found = [cell for cells in usage.cells.values() for cell in cells.values()]
    (only,) = [*found, *usage.others.values()]
    return only


def said(parts: tuple[Part, ...]) -> list[tuple[str, str, str]]:
    return [(part.why, format_exact(part.tokens), format_exact(part.amount)) for part in parts]


def tokens(agreed: Agreed, mine: str, *rows: CostRow, of: int = 1000) -> list[tuple[str, str, str]]:
    ours = LedgerSide(tokens=of, amount=parse_amount(mine))
    return said(explain_tokens(ours, side(agreed, *rows), FINE, Shift()))


SEVEN = read_agreed(["7"])
BY_CATEGORY = read_agreed(["7", "foundry models = 10", "Old Name=20"])


def test_a_discount_is_taken_off_what_the_ledgers_have_at_list_price() -> None:
    # 0.0025 less seven percent is 0.002325.
    assert tokens(SEVEN, "0.0025", row("1000", "0.002325")) == [("discount", "0", "-0.000175")]
    # Nothing was taken off: the discount was agreed and not given.
    assert tokens(SEVEN, "0.0025", row("1000", "0.0025")) == [
        ("discount", "0", "-0.000175"),
        ("price", "0", "0.000175"),
    ]
    # 100 tokens more, at the price that was paid: 0.000002325 each.
    assert tokens(SEVEN, "0.0025", row("1100", "0.0025575")) == [
        ("unmetered", "100", "0.0002325"),
        ("discount", "0", "-0.000175"),
    ]


def test_a_category_has_its_own_discount_alone() -> None:
    # Half of the tokens at 10 and half at 20 percent off 0.0025: 0.001125 + 0.001.
    rows = row("500", "0.001125"), row("500", "0.001", "old name")
    assert tokens(BY_CATEGORY, "0.0025", *rows) == [("discount", "0", "-0.000375")]
    other = row("1000", "0.002325", "Another")
    assert tokens(BY_CATEGORY, "0.0025", other) == [("discount", "0", "-0.000175")]
    # A third at 10 percent and the rest at 7: 8 percent of 0.003, cut after 18 decimals.
    thirds = row("1", "0.0009"), row("2", "0.00186", "Another")
    assert tokens(BY_CATEGORY, "0.003", *thirds, of=3) == [("discount", "0", "-0.00024")]
    sevenths = row("1", "0.0009"), row("6", "0.00558", "Another")
    assert tokens(BY_CATEGORY, "0.007", *sevenths, of=7)[0] == ("discount", "0", "-0.00052")


def test_credits_and_what_was_not_billed_have_no_discount() -> None:
    refund = row("-100", "-0.0002")._replace(is_credit=True)
    assert tokens(SEVEN, "0.0025", row("1000", "0.002325"), refund) == [
        ("credit", "-100", "-0.0002"),
        ("discount", "0", "-0.000175"),
    ]
    assert tokens(SEVEN, "0.0025", row("0", "0")) == [("unbilled", "-1000", "-0.0025")]


def test_the_marketplace_may_have_one_and_registered_prices_have_none() -> None:
    ours = LedgerSide(amount=parse_amount("10"))
    lines: tuple[tuple[Sort, str, list[tuple[str, str, str]]], ...] = (
        ("marketplace", "9.3", [("discount", "0", "-0.7")]),
        ("marketplace", "9", [("discount", "0", "-0.7"), ("marketplace", "0", "-0.3")]),
        ("marketplace", "0", [("marketplace", "0", "-10")]),
        ("provisioned", "9.3", [("provisioned", "0", "-0.7")]),
    )
    for sort, cost, expected in lines:
        billed = side(SEVEN, row("1", cost, sort=sort))
        assert said(explain_amount(sort, ours, billed, FINE)) == expected
    refund = row("1", "-1", sort="marketplace")._replace(is_credit=True)
    billed = side(SEVEN, row("1", "9.3", sort="marketplace"), refund)
    found = said(explain_amount("marketplace", ours, billed, FINE))
    assert found == [("credit", "0", "-1"), ("discount", "0", "-0.7")]


@pytest.mark.parametrize(
    ("texts", "about"),
    [
        (["x"], "'x' is not a plain decimal number"),
        (["100.0001"], "more than 100 percent"),
        (["0.00001"], "more than 4 decimals"),
        (["=7"], "names no meter category"),
        (["7", "8"], "'8' is a second discount"),
        (["A=7", "a =8"], "'a =8' is a second discount"),
    ],
)
def test_what_is_no_discount_is_refused(texts: list[str], about: str) -> None:
    with pytest.raises(ValueError, match=about):
        read_agreed(texts)


def test_a_category_that_the_export_does_not_have_is_named() -> None:
    BY_CATEGORY.must_be_of("f", ["Foundry Models", "old name"])
    with pytest.raises(ConfigurationError, match="f: --discount: .* category 'old name'; .*: none"):
        read_agreed(["Old Name=20"]).must_be_of("f", [])


def line(ours: str, *parts: Part) -> Line:
    amount = parse_exact(ours).value
    return Line("tokens", "d", None, None, None, "input", (), 0, 0, amount, 0, parts)


def price(amount: str) -> Part:
    return Part(parts_price, 0, parse_exact(amount).value)


parts_price = explain_tokens(
    LedgerSide(tokens=1, amount=1), BilledSide(ONE, ONE, rows=1), FINE, Shift()
)[0].why


def test_prices_that_are_all_as_far_below_list_are_told() -> None:
    def uniform(*lines: Line) -> int | None:
        return uniform_discount(Report("USD", "d", "d", lines, BilledSide()))

    # 7 percent of 1, 2 and 3, the last of them rounded.
    same = line("1", price("-0.07")), line("2", price("-0.14")), line("3", price("-0.210001"))
    assert uniform(*same) == 700
    assert uniform(*same[:2]) is None
    assert uniform(*same, line("1", price("-0.08"))) is None
    assert uniform(*same, line("1")) == 700
    assert uniform(*(line("1", price("0.07")) for _ in range(3))) is None
    assert uniform(*(line("0", price("0.07")) for _ in range(3))) is None
