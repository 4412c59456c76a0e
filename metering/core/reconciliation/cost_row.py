"""Cost rows: the lines of the cloud provider's bill."""

import re
from typing import Final, Literal, NamedTuple

from metering.core.basics.money import format_fixed
from metering.core.prices.price_book import PriceRow
from metering.core.usage.buckets import INDEX

#: A double written out in full has at most 17 digits, the first of them at 10^-19 at the lowest.
EXACT_DECIMALS: Final = 36
ONE: Final = 10**EXACT_DECIMALS

type Exact = int
"""Integer of 10^-36 tokens or currency units: the number in an export, not rounded."""

#: Longer than any number in an export, and short enough to parse quickly.
_MAX_LENGTH: Final = 60
_MAX_DIGITS: Final = 25
_NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?")


class Written(NamedTuple):
    """A number in an export, and the precision it is written with."""

    value: Exact
    last: Exact
    """The value of one in its last digit."""


def parse_exact(text: str) -> Written:
    """Return a decimal number, with or without an exponent (`1.2E-05`), exactly as written.

    Raises ValueError for anything else, for more than 36 decimals, and for too many digits.
    """
    found = _NUMBER.fullmatch(text.strip()) if len(text) <= _MAX_LENGTH else None
    if found is None or not (found[2] or found[3]):
        raise ValueError(f"{text[:_MAX_LENGTH]!r} is not a decimal number")
    sign, whole, fraction, exponent = (part or "" for part in found.groups())
    digits = (whole + fraction).lstrip("0")
    decimals = len(fraction) - int(exponent or 0)
    if decimals > EXACT_DECIMALS:
        # Trailing zeros carry no precision.
        kept = digits.rstrip("0")
        decimals -= len(digits) - len(kept)
        digits = kept
    too_fine = bool(digits) and decimals > EXACT_DECIMALS
    if too_fine or len(digits) - decimals > _MAX_DIGITS:
        raise ValueError(f"{text!r} has too many digits")
    last = 10 ** (EXACT_DECIMALS - min(decimals, EXACT_DECIMALS)) if digits else ONE
    return Written(int(f"{sign}{digits or 0}") * last, last)


def format_exact(value: Exact) -> str:
    """Return an exact number as a decimal string, trailing zeros trimmed."""
    return format_fixed(value, EXACT_DECIMALS)


class TokenMeter(NamedTuple):
    """The usage that a token meter counts."""

    model: str
    deployment_type: str
    service_tier: str
    long_context: bool
    buckets: tuple[str, ...]
    """Usually one; input and output if the model has one price for every token."""


Sort = Literal["tokens", "provisioned", "marketplace", "unmapped", "other"]
"""The subject of a row: tokens, provisioned units, models billed by the marketplace, an unknown
meter of an AI service, or any other service."""


class CostRow(NamedTuple):
    """One row of an export."""

    sort: Sort
    day: str
    """UTC, like 2026-11-20."""
    account: str | None
    """The Azure OpenAI or Foundry resource, in lower case."""
    deployment: str | None
    """In lower case, if the export names one."""
    name: str
    """The meter's name as Azure writes it."""
    quantity: Written
    cost: Written
    meter: TokenMeter | None = None
    region: str | None = None
    block: int = 1
    """Tokens in one pricing unit: 1,000 or 1,000,000."""
    counts_blocks: bool = True
    """Whether the quantity is in those units, unless its cost shows otherwise."""
    is_credit: bool = False
    category: str = ""
    """The meter category as Azure writes it."""


def tokens_of(row: CostRow, listed: PriceRow | None) -> Exact:
    """Return the tokens that a row bills.

    Under the same unit, Azure's exports count tokens in some agreements and thousands (or millions)
    in others. The two are a factor of 1,000 apart, so the reading whose price is nearer to the
    list price is right. Without a cost or list price the shape of the export decides.
    """
    blocks = row.quantity.value * row.block
    price = _list_price(row, listed)
    if row.block > 1 and row.cost.value and row.quantity.value and price:
        as_tokens = abs(row.quantity.value) * price
        # The geometric mean of the two: below it the quantity itself is nearer.
        is_tokens = (row.cost.value * 10**12) ** 2 < as_tokens * as_tokens * row.block
        return row.quantity.value if is_tokens else blocks
    return blocks if row.counts_blocks else row.quantity.value


def _list_price(row: CostRow, listed: PriceRow | None) -> int | None:
    """Return the list price of the row's tokens, integer of 10^-12 currency units."""
    if row.meter is None or listed is None:
        return None
    return listed.prices[INDEX[row.meter.buckets[0]]]
