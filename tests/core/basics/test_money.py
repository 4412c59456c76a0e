"""Money is exact: what goes in as text comes out as the same amount."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.money import (
    format_amount,
    format_read,
    parse_amount,
    parse_fixed,
    to_decimal,
)
from metering.core.basics.wording import plural


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("0.5", 500_000_000_000_000_000),
        ("-12.000001", -12_000_001_000_000_000_000),
        ("0.000000000000000001", 1),
        ("764.78", 764_780_000_000_000_000_000),
    ],
)
def test_an_amount_is_an_integer_of_ten_to_the_minus_eighteen(text: str, amount: int) -> None:
    assert parse_amount(text) == amount
    assert format_amount(amount) == text


def test_trailing_zeros_are_trimmed() -> None:
    assert format_amount(parse_amount("1.500")) == "1.5"
    assert format_amount(parse_amount("2.000")) == "2"


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_formatting_and_parsing_are_inverse(amount: int) -> None:
    assert parse_amount(format_amount(amount)) == amount


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_the_decimal_of_an_amount_is_exact(amount: int) -> None:
    assert Fraction(to_decimal(amount)) * 10**18 == amount


@pytest.mark.parametrize("value", [0.1, 1, None, True])
def test_anything_but_text_is_refused_since_a_float_has_lost_the_value(value: object) -> None:
    with pytest.raises(ValueError, match="quoted decimal string"):
        parse_amount(value)


@pytest.mark.parametrize("text", ["", "1e3", "1,5", " 1", "+1", ".5", "1.", "NaN", "0x1", "1" * 41])
def test_text_that_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain decimal"):
        parse_amount(text)


def test_a_decimal_more_than_allowed_is_refused_and_the_last_allowed_one_is_not() -> None:
    assert parse_fixed("0.000001", 6) == 1
    assert parse_fixed("0.0000010", 6) == 1
    with pytest.raises(ValueError, match="more than 6 decimals"):
        parse_fixed("0.0000001", 6)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("22800", "USD", "22,800.00"),
        ("-1234567.005", "USD", "-1,234,567.00"),
        ("0", "USD", "0.00"),
        ("0.1", "USD", "0.10"),
        # Below ten cents two digits, half to even.
        ("0.0035", "USD", "0.0035"),
        ("-0.00345", "USD", "-0.0034"),
        ("0.000000000000000001", "USD", "0.000000000000000001"),
        ("0.0999", "USD", "0.1"),
        ("1234.5", "JPY", "1,234"),
        ("9.95", "JPY", "10"),
        ("1234.5678", "KWD", "1,234.568"),
    ],
)
def test_an_amount_is_rounded_to_read(amount: str, currency: str, shown: str) -> None:
    assert format_read(parse_amount(amount), currency) == shown


def test_one_thing_is_one_thing() -> None:
    assert [plural(number, "request") for number in (0, 1, 2_000)] == [
        "0 requests",
        "1 request",
        "2,000 requests",
    ]
    assert (plural(1, "leaf", "leaves"), plural(2, "leaf", "leaves")) == ("1 leaf", "2 leaves")
