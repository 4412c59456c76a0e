"""Rounding: once, half to even, to what a currency is paid in."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.money import (
    decimals_of,
    format_amount,
    format_paid,
    parse_amount,
    rounded,
)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.125", "USD", "0.12"),
        ("0.135", "USD", "0.14"),
        ("0.125000000000000001", "USD", "0.13"),
        ("0.124999999999999999", "USD", "0.12"),
        ("-0.125", "USD", "-0.12"),
        ("-0.135", "USD", "-0.14"),
        ("0.5", "JPY", "0"),
        ("1.5", "JPY", "2"),
        ("0.0005", "KWD", "0"),
        ("0.0015", "KWD", "0.002"),
        ("0.00005", "CLF", "0"),
    ],
)
def test_an_amount_is_rounded_half_to_even_to_the_minor_unit(
    amount: str, currency: str, expected: str
) -> None:
    assert format_amount(rounded(parse_amount(amount), currency)) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("1234.5", "USD", "1234.50"), ("7", "JPY", "7"), ("-0.001", "USD", "0.00")],
)
def test_a_paid_amount_shows_all_its_decimals(amount: str, currency: str, shown: str) -> None:
    assert format_paid(parse_amount(amount), currency) == shown


@given(st.integers(-(10**30), 10**30), st.sampled_from(["USD", "JPY", "KWD", "CLF"]))
def test_rounding_is_what_exact_fractions_round_to(amount: int, currency: str) -> None:
    unit = 10 ** (18 - decimals_of(currency))
    assert rounded(amount, currency) == round(Fraction(amount, unit)) * unit
