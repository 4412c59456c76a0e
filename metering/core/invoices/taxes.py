"""Taxes: rates in force when a document is issued, applied to amounts in minor units.

Tax is exact before it is rounded, half to even, to the minor unit: once for each tax of a document
(`document`), or for each line and then summed (`line`). Taxes do not compound: each has the same
base.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

from metering.core.basics.money import Amount, format_fixed, parse_not_negative, rounded

type TaxRounding = Literal["document", "line"]

#: A rate is a percentage of up to four decimals, in millionths of the base: 20 % is 200,000.
RATE_DECIMALS: Final = 4
RATE_SCALE: Final = 10 ** (RATE_DECIMALS + 2)
MAX_RATE: Final = RATE_SCALE
#: Two levels of government tax a sale in some countries, seldom three.
MAX_TAXES: Final = 4
MAX_TAX_NAME: Final = 40


class Tax(NamedTuple):
    """A tax by its name and rate."""

    name: str
    rate: int


class TaxLine(NamedTuple):
    """One tax of a document."""

    name: str
    rate: int
    base: Amount
    amount: Amount

    @property
    def percent(self) -> str:
        """The rate as a percentage: `20`, `7.25`."""
        return format_fixed(self.rate, RATE_DECIMALS)


def parse_taxes(text: str) -> tuple[Tax, ...]:
    """Return the taxes of a text such as `VAT=20` or `GST=5,QST=9.975`; ValueError for others."""
    found = tuple(_tax(part) for part in text.split(","))
    if len(found) > MAX_TAXES or len({tax.name for tax in found}) < len(found):
        raise ValueError(f"has more than {MAX_TAXES} taxes, or one of them twice")
    return found


def _tax(text: str) -> Tax:
    name, equals, percent = (part.strip() for part in text.partition("="))
    if not equals or not 1 <= len(name) <= MAX_TAX_NAME or not name.isprintable():
        raise ValueError("is not NAME=PERCENT, several separated by commas")
    rate = parse_not_negative(percent, RATE_DECIMALS)
    if rate > MAX_RATE:
        raise ValueError(f"has a rate above 100 %: {percent}")
    return Tax(name, rate)


def tax_lines(
    amounts: Sequence[Amount], taxes: Iterable[Tax], rounding: TaxRounding, currency: str
) -> tuple[TaxLine, ...]:
    """Return the taxes on the lines of a document; `amounts` are whole minor units."""
    base = sum(amounts)
    bases = amounts if rounding == "line" else [base]
    return tuple(
        TaxLine(tax.name, tax.rate, base, sum(_tax_on(one, tax, currency) for one in bases))
        for tax in taxes
    )


def _tax_on(base: Amount, tax: Tax, currency: str) -> Amount:
    # Exact: a minor unit is a multiple of 10^14 amounts, and the scale is 10^6.
    return rounded(base * tax.rate // RATE_SCALE, currency)
