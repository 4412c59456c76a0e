"""Exact money: integers of 10^-18 currency units inside, decimal strings at the edges.

A list price has at most 12 decimals a token and the multipliers of an entry at most 6 together,
so every product is exact in 18 decimals (docs/adr/0002-money.md). Nothing is ever rounded here.
"""

import re
from decimal import Decimal
from typing import Final

AMOUNT_DECIMALS = 18
PRICE_DECIMALS = 12
MULTIPLIER_DECIMALS = AMOUNT_DECIMALS - PRICE_DECIMALS
#: An amount is an integer of 10^-18, a list price one of 10^-12: price times this is an amount.
AMOUNTS_PER_PRICE: Final = 10**MULTIPLIER_DECIMALS
#: Prices are published per million tokens, so six decimals there are twelve a token. Of another
#: meter the quantity is counted in millionths, so its price has as many.
PER_MILLION_DECIMALS = PRICE_DECIMALS - 6

#: More digits than any amount has; it bounds the work that a file or caller can cause.
MAX_DIGITS = 40

_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")

type Amount = int
"""Integer of 10^-18 currency units."""


def parse_fixed(text: object, decimals: int) -> int:
    """Return `text`, a decimal string without exponent, as an integer of 10^-`decimals`.

    Raises ValueError for anything but a string (a float has already lost the exact value), for an
    exponent, and for more decimals than `decimals`.
    """
    if not isinstance(text, str):
        kind = type(text).__name__
        raise ValueError(f"{text!r} is a {kind}: write it as a quoted decimal string")  # noqa: TRY004
    if len(text) > MAX_DIGITS or not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal number")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        raise ValueError(f"{text!r} has more than {decimals} decimals")
    return int(whole + fraction.ljust(decimals, "0"))


def parse_not_negative(text: object, decimals: int) -> int:
    """Return `parse_fixed` of a text; ValueError also for a negative number."""
    value = parse_fixed(text, decimals)
    if value < 0:
        raise ValueError(f"{text!r} is negative")
    return value


def format_fixed(value: int, decimals: int) -> str:
    """Return an integer of 10^-`decimals` as a decimal string, trailing zeros trimmed."""
    if value < 0:
        return f"-{format_fixed(-value, decimals)}"
    digits = str(value).zfill(decimals + 1)
    fraction = digits[-decimals:].rstrip("0")
    return f"{digits[:-decimals]}.{fraction}" if fraction else digits[:-decimals]


def parse_amount(text: object) -> Amount:
    """Return a decimal string in currency units as an amount."""
    return parse_fixed(text, AMOUNT_DECIMALS)


def format_amount(amount: Amount) -> str:
    """Return an amount as a decimal string in currency units: `"0"`, `"0.5"`, `"-12.000001"`."""
    return format_fixed(amount, AMOUNT_DECIMALS)


def to_decimal(amount: Amount) -> Decimal:
    """Return an amount as an exact Decimal of currency units (for display and rounding)."""
    return Decimal(format_amount(amount))


#: Minor-unit decimals of currencies where they are not two: ISO 4217:2015, active codes.
_DECIMALS: Final = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
            *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_USUAL: Final = 2


def decimals_of(currency: str) -> int:
    """Return the number of decimals a currency is paid in; two by default."""
    return _DECIMALS.get(currency, _USUAL)


def rounded(amount: Amount, currency: str) -> Amount:
    """Return an amount to the minor unit, half to even: `0.125` USD is `0.12`."""
    return _to(amount, 10 ** (AMOUNT_DECIMALS - decimals_of(currency)))


def format_paid(amount: Amount, currency: str) -> str:
    """Return a rounded amount with all its decimals, for people: `"1234.50"`."""
    decimals = decimals_of(currency)
    units = rounded(amount, currency) // 10 ** (AMOUNT_DECIMALS - decimals)
    digits, sign = str(abs(units)).zfill(decimals + 1), "-" if units < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


#: Below ten cents an amount has so many digits that are not zero: a request costs parts of a cent.
_SMALL_DIGITS: Final = 2


def format_read(amount: Amount, currency: str) -> str:
    """Return an amount to read in a terminal or page: `"22,800.00"`, `"0.0035"`.

    It is rounded to the minor unit, half to even; a smaller one to two digits. Documents have the
    exact amount.
    """
    unit: int = 10 ** (AMOUNT_DECIMALS - decimals_of(currency))
    size = abs(amount)
    if 0 < size < 10 * unit:
        step = 10 ** max(0, len(str(size)) - _SMALL_DIGITS)
        shown = format_amount(_to(size, step))
    else:
        whole, dot, fraction = format_paid(size, currency).partition(".")
        shown = f"{int(whole):,}{dot}{fraction}"
    return f"-{shown}" if amount < 0 else shown


def _to(amount: Amount, unit: int) -> Amount:
    """Return a multiple of a unit that is nearest to an amount, half to even."""
    whole, rest = divmod(amount, unit)
    if 2 * rest > unit or (2 * rest == unit and whole % 2):
        whole += 1
    return whole * unit
