"""Cost rows: lines of the bill that the provider of the cloud sends the company."""

import re
from typing import Final, Literal, NamedTuple

from metering.core.basics.money import format_fixed
from metering.core.prices.price_book import PriceRow
from metering.core.usage.buckets import INDEX

#: A double written out in full has at most 17 digits, the first of them at 10^-19 at the lowest.
EXACT_DECIMALS: Final = 36
ONE: Final = 10**EXACT_DECIMALS

type Exact = int
"""Integer of 10^-36 tokens, or of 10^-36 currency units: what an export says, and not rounded."""

#: Longer than any number in an export, and short enough to be read in no time.
_MAX_LENGTH: Final = 60
_MAX_DIGITS: Final = 25
_NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?")


class Written(NamedTuple):
    """A number of an export, and how finely it was written."""

    value: Exact
    last: Exact
    """What one in its last digit is worth."""


def parse_exact(text: str) -> Written:
    """Return a decimal number, with or without an exponent (`1.2E-05`), exactly as it is written.

    ValueError for anything else, for more than 36 decimals, and for more digits than money has.
    """
    found = _NUMBER.fullmatch(text.strip()) if len(text) <= _MAX_LENGTH else None
    if found is None or not (found[2] or found[3]):
        raise ValueError(f"{text[:_MAX_LENGTH]!r} is not a decimal number")
    sign, whole, fraction, exponent = (part or "" for part in found.groups())
    digits = (whole + fraction).lstrip("0")
    decimals = len(fraction) - int(exponent or 0)
    if decimals > EXACT_DECIMALS:
        # Zeros beyond the last decimal say nothing.
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
    """What a meter of tokens counts."""

    model: str
    deployment_type: str
    service_tier: str
    long_context: bool
    buckets: tuple[str, ...]
    """Mostly one; both input and output where a model has one price for every token."""


Sort = Literal["tokens", "provisioned", "marketplace", "unmapped", "other"]
"""What a row is of: tokens, provisioned units, models that the marketplace bills, a meter of an AI
service that is not understood, or any other service."""


class CostRow(NamedTuple):
    """One row of an export."""

    sort: Sort
    day: str
    """UTC, like 2026-11-20."""
    account: str | None
    """The Azure OpenAI or Foundry resource, in lower case."""
    deployment: str | None
    """Where the export names one, in lower case."""
    name: str
    """Of the meter, as Azure writes it."""
    quantity: Written
    cost: Written
    meter: TokenMeter | None = None
    region: str | None = None
    block: int = 1
    """How many tokens the unit of the price is: 1,000 or 1,000,000."""
    counts_blocks: bool = True
    """Whether the quantity is in those units, unless its cost says otherwise."""
    is_credit: bool = False


def tokens_of(row: CostRow, listed: PriceRow | None) -> Exact:
    """Return how many tokens a row is for.

    Azure's exports count tokens in some agreements and thousands (or millions) of them in others,
    under the same unit. They are a factor of 1,000 apart, so the cost tells which: the one whose
    price is nearer to the list price. Without cost or list price the shape of the export decides.
    """
    blocks = row.quantity.value * row.block
    price = _list_price(row, listed)
    if row.block > 1 and row.cost.value and row.quantity.value and price:
        as_tokens = abs(row.quantity.value) * price
        # Between the two, in the ratio: below it the quantity itself is nearer.
        is_tokens = (row.cost.value * 10**12) ** 2 < as_tokens * as_tokens * row.block
        return row.quantity.value if is_tokens else blocks
    return blocks if row.counts_blocks else row.quantity.value


def _list_price(row: CostRow, listed: PriceRow | None) -> int | None:
    """Return the list price of the row's tokens, integer of 10^-12 currency units."""
    if row.meter is None or listed is None:
        return None
    return listed.prices[INDEX[row.meter.buckets[0]]]
