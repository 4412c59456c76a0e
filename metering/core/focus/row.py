"""One charge as a FOCUS row, before it is written out in columns."""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from metering.core.basics.csv_text import Figure
from metering.core.basics.money import AMOUNT_DECIMALS, Amount, format_fixed
from metering.core.calendars.periods import Period

type Category = Literal["Usage", "Purchase", "Credit", "Adjustment"]
type Frequency = Literal["One-Time", "Recurring", "Usage-Based"]

#: Quantities in 10^-6 of the unit of pricing: of tokens, which are priced by the million, and of
#: other meters, which are counted in millionths.
MILLIONTHS: Final = 6


class Sku(NamedTuple):
    """What has the price."""

    id: str
    meter: str
    price_id: str
    details: Mapping[str, str] = {}
    publisher: str | None = None


class Priced(NamedTuple):
    """A quantity at two prices: every cost is one of them times the quantity, exactly."""

    quantity: int
    """In 10^-`decimals` of the unit of pricing."""
    unit: str
    contracted: Amount
    """What one of `quantity` costs, integer of 10^-18."""
    listed: Amount
    decimals: int = 0

    @property
    def cost(self) -> Amount:
        """What is billed."""
        return self.quantity * self.contracted

    @property
    def list_cost(self) -> Amount:
        """What it would have been at list prices."""
        return self.quantity * self.listed

    def price(self, amount: Amount) -> Figure:
        """Return a price as a decimal for each unit of pricing."""
        return decimal(amount, AMOUNT_DECIMALS - self.decimals)


class Consumed(NamedTuple):
    """What was used, in the unit that meters count."""

    quantity: Figure
    unit: str


class Place(NamedTuple):
    """What served the usage, and what it was for."""

    resource: str | None = None
    region: str | None = None
    capacity: str | None = None
    """The provisioned deployment, and whether its capacity was used."""
    is_idle: bool = False
    tags: Mapping[str, str] = {}


class Evidence(NamedTuple):
    """Where the row comes from, for those who check it."""

    kind: str
    ledger: str
    page: int
    page_hash: str
    term: str | None = None
    model: str | None = None
    bucket: str | None = None
    channel: str | None = None
    reference: str | None = None
    author: str | None = None


class FocusRow(NamedTuple):
    """One charge."""

    key: tuple[object, ...]
    """What tells it from every other row of its statement."""
    category: Category
    frequency: Frequency
    description: str
    period: Period
    """When it was used, or what it is for."""
    priced: Priced
    evidence: Evidence
    sku: Sku | None = None
    consumed: Consumed | None = None
    place: Place = Place()
    is_correction: bool = False
    """Of a period that was billed before."""


def decimal(value: int, decimals: int) -> Figure:
    """Return an integer of 10^-`decimals` as a decimal that has a point.

    Readers that guess types take a column of whole numbers for integers, and then refuse the first
    one that is none.
    """
    text = format_fixed(value, decimals) if decimals else str(value)
    return Figure(text if "." in text else f"{text}.0")


#: Lists of prices are by the million.
MILLION_TOKENS: Final = "1000000 Tokens"
TOKENS: Final = "Tokens"
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9]+")
_PLURALS: Final = {"request": "Requests", "period": "Periods", "package": "Packages"}


def unit_name(unit: str) -> str:
    """Return what a line counts in the form of units: `vector-query` is `Vector Query`.

    Source: FOCUS 1.2, unit format. A name that begins with no letter gets `Unit` before it.
    """
    if unit in _PLURALS:
        return _PLURALS[unit]
    words = [word[:1].upper() + word[1:] for word in _NO_WORD.split(unit) if word]
    if not words or not words[0][0].isalpha() or not all(word[0].isalpha() for word in words):
        return " ".join(["Unit", *(f"N{word}" if word[0].isdigit() else word for word in words)])
    return " ".join(words)
