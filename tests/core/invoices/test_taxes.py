"""Taxes: exact, rounded by the stated rule, half to even."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.money import decimals_of, parse_amount
from metering.core.invoices.taxes import TaxRounding, parse_taxes, tax_lines


def amounts(*texts: str) -> list[int]:
    return [parse_amount(text) for text in texts]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    # 10 % of 0.25 is 0.025, to even 0.02; three lines 0.06; of 0.75 it is 0.075, to even 0.08.
    [("line", "0.06"), ("document", "0.08")],
)
def test_tax_is_rounded_per_line_or_per_document(rounding: TaxRounding, expected: str) -> None:
    (line,) = tax_lines(amounts("0.25", "0.25", "0.25"), parse_taxes("VAT=10"), rounding, "USD")
    assert (line.base, line.amount) == (parse_amount("0.75"), parse_amount(expected))


def test_each_tax_is_on_the_net_and_none_on_another() -> None:
    # 5 % of 200 is 10; 9.975 % of 200 is 19.95.
    gst, qst = tax_lines(amounts("200"), parse_taxes("GST=5, QST=9.975"), "document", "CAD")
    assert (gst.name, gst.percent, gst.amount) == ("GST", "5", parse_amount("10"))
    assert (qst.name, qst.percent, qst.amount) == ("QST", "9.975", parse_amount("19.95"))


def test_currencies_have_their_own_minor_units() -> None:
    # 10 % of 105 yen is 10.5, to even 10. 15 % of 1.234 dinar is 0.1851, rounded 0.185.
    (yen,) = tax_lines(amounts("105"), parse_taxes("T=10"), "document", "JPY")
    (dinar,) = tax_lines(amounts("1.234"), parse_taxes("T=15"), "document", "KWD")
    assert (yen.amount, dinar.amount) == (parse_amount("10"), parse_amount("0.185"))


@pytest.mark.parametrize(
    "text", ["", "VAT", "VAT=", "=20", "VAT=-1", "VAT=101", "VAT=1.23456", "V\nT=1", "VAT=1e1",
             "A=1,A=2", "A=1,B=1,C=1,D=1,E=1", "x" * 41 + "=1"],
)  # fmt: skip
def test_a_malformed_tax_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|has|is negative"):
        parse_taxes(text)


@given(
    st.lists(st.integers(-(10**9), 10**9), max_size=20),
    st.integers(0, 1_000_000),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.sampled_from(["line", "document"]),
)
def test_tax_is_as_near_as_its_rule_allows(
    minor: list[int], rate: int, currency: str, rounding: TaxRounding
) -> None:
    unit = 10 ** (18 - decimals_of(currency))
    tax = parse_taxes("T=0")[0]._replace(rate=rate)
    (line,) = tax_lines([one * unit for one in minor], [tax], rounding, currency)
    assert line.amount % unit == 0
    roundings = len(minor) if rounding == "line" else 1
    # Each rounding moves the tax by half a minor unit at most.
    assert 2 * abs(line.amount * 10**6 - line.base * rate) <= roundings * unit * 10**6
    (back,) = tax_lines([-one * unit for one in minor], [tax], rounding, currency)
    assert back.amount == -line.amount
