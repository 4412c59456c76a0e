"""One charge as a FOCUS row, before it is written out in columns."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from metering.core.basics.csv_text import Figure
from metering.core.basics.money import AMOUNT_DECIMALS, Amount, format_fixed
from metering.core.calendars.periods import Period

type Category = Literal["Usage", "Purchase", "Credit", "Adjustment"]
type Frequency = Literal["One-Time", "Recurring", "Usage-Based"]

#: Decimals of quantities in the pricing unit: tokens are priced per million, and other meters are
#: counted in millionths.
MILLIONTHS: Final = 6


class Sku(NamedTuple):
    """The priced item."""

    id: str
    meter: str
    price_id: str
    details: Mapping[str, str] = {}
    publisher: str | None = None


class Priced(NamedTuple):
    """A quantity at two prices: each cost is exactly one of the prices times the quantity."""

    quantity: int
    """In 10^-`decimals` of the pricing unit."""
    unit: str
    contracted: Amount
    """Price of one of `quantity`, integer of 10^-18."""
    listed: Amount
    decimals: int = 0

    @property
    def cost(self) -> Amount:
        """The billed cost."""
        return self.quantity * self.contracted

    @property
    def list_cost(self) -> Amount:
        """The cost at list prices."""
        return self.quantity * self.listed

    def price(self, amount: Amount) -> Figure:
        """Return a price per pricing unit as a decimal."""
        return _price(amount, AMOUNT_DECIMALS - self.decimals)


class Consumed(NamedTuple):
    """The consumed quantity, in the unit that meters count."""

    quantity: Figure
    unit: str


class Place(NamedTuple):
    """The resource that served the usage, and the purpose of the usage."""

    resource: str | None = None
    region: str | None = None
    capacity: str | None = None
    """The provisioned deployment that served it."""
    is_idle: bool = False
    tags: Mapping[str, str] = {}


class Provenance(NamedTuple):
    """The origin of a row in the ledger and statement, for audits."""

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
    """The key of the row, unique within its statement."""
    category: Category
    frequency: Frequency
    description: str
    period: Period
    """The charge period."""
    priced: Priced
    provenance: Provenance
    sku: Sku | None = None
    consumed: Consumed | None = None
    place: Place = Place()
    is_correction: bool = False
    """Whether it corrects a period that was billed before."""


def decimal(value: int, decimals: int) -> Figure:
    """Return an integer of 10^-`decimals` as a decimal with a decimal point.

    Readers that infer types see whole numbers and pick integer, then fail on the first fraction.
    """
    text = format_fixed(value, decimals) if decimals else str(value)
    return Figure(text if "." in text else f"{text}.0")


#: A file has many rows at few prices.
_price: Final = lru_cache(4096)(decimal)
#: Price lists are per million.
MILLION_TOKENS: Final = "1000000 Tokens"
TOKENS: Final = "Tokens"
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9]+")
_PLURALS: Final = {"request": "Requests", "period": "Periods", "package": "Packages"}


def unit_name(unit: str) -> str:
    """Return a unit in the format of FOCUS: `vector-query` becomes `Vector Query`.

    Source: FOCUS 1.2, unit format. `Unit` is put before a name that does not begin with a letter.
    """
    if unit in _PLURALS:
        return _PLURALS[unit]
    words = [word[:1].upper() + word[1:] for word in _NO_WORD.split(unit) if word]
    if not words or not words[0][0].isalpha() or not all(word[0].isalpha() for word in words):
        return " ".join(["Unit", *(f"N{word}" if word[0].isdigit() else word for word in words)])
    return " ".join(words)
