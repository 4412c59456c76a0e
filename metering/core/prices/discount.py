"""Discounts: what the company pays less than list prices, agreed with a provider, dated.

A discount is for everything, a meter category, a provider or a model. Of those that cover a price
row the most specific one applies, alone: they are never added. It holds for whole UTC days.
"""

from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BeforeValidator, model_validator

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, format_fixed, parse_not_negative
from metering.core.basics.validation import Strict, validated
from metering.core.calendars.dated import Dated
from metering.core.prices.price_book import TOKEN, PriceRow
from metering.core.prices.price_file import PriceName

Category = Literal["Foundry Models", "Foundry Tools", "SaaS"]
"""Azure's meter categories: tokens billed by Microsoft, its other meters, and the marketplace."""

#: A percentage has at most so many decimals, so that a discounted price is exact in 18.
PERCENT_DECIMALS: Final = MULTIPLIER_DECIMALS - 2
#: 100 %, in 10^-6 of the price.
WHOLE: Final[int] = 10**MULTIPLIER_DECIMALS
_MARKETPLACE: Final = "marketplace"


def _percent(text: object) -> str:
    value = parse_not_negative(text, PERCENT_DECIMALS)
    if value > WHOLE:
        raise ValueError(f"{text!r} is more than 100")
    return format_fixed(value, PERCENT_DECIMALS)


class Discount(Strict):
    """A percentage off list prices."""

    percent: Annotated[str, BeforeValidator(_percent)]
    """A decimal string from 0 to 100, at most 4 decimals."""
    category: Category | None = None
    provider: PriceName | None = None
    model: PriceName | None = None
    """By the name of the price book; without any of the three it is for everything."""

    @model_validator(mode="after")
    def _is_for_one_thing(self) -> "Discount":
        if sum(one is not None for one in (self.category, self.provider, self.model)) > 1:
            raise ValueError("give one of category, provider and model, or none of them")
        return self

    @property
    def key(self) -> str:
        """Its subject: the key of its records."""
        for kind in ("category", "provider", "model"):
            name = getattr(self, kind)
            if name is not None:
                return f"{kind}/{name}"
        return EVERYTHING

    @property
    def rest(self) -> int:
        """The remainder of a price, in 10^-6."""
        return WHOLE - parse_not_negative(self.percent, PERCENT_DECIMALS)


EVERYTHING: Final = "everything"


class AgreedFrom(NamedTuple):
    """A discount and when it begins."""

    discount: Discount
    start: Instant


class Discounts:
    """All discounts, by what they are for."""

    def __init__(self) -> None:
        self._by_key: dict[str, Dated[Discount]] = {}

    def add(self, discount: Discount, start: Instant) -> None:
        """Take a further one into account."""
        self._by_key.setdefault(discount.key.casefold(), Dated()).add(start, discount)

    def of(self, key: str) -> Dated[Discount]:
        """Return the discounts for one thing, dated."""
        return self._by_key.get(key.casefold(), Dated[Discount]())

    def listed(self) -> list[AgreedFrom]:
        """Return every discount, by what it is for, the earliest start first."""
        return [
            AgreedFrom(discount, start)
            for _, dated in sorted(self._by_key.items())
            for start, discount in zip(dated.starts(), dated.values(), strict=True)
        ]

    def for_row(self, row: PriceRow, at: Instant) -> Discount | None:
        """Return the discount on a price row at an instant; None if there is none."""
        keys = (
            f"model/{row.model}",
            f"provider/{row.provider}",
            f"category/{category_of(row)}",
            EVERYTHING,
        )
        for key in keys:
            found, _, _ = self.of(key).at(at)
            if found is not None:
                return found
        return None


def category_of(row: PriceRow) -> Category:
    """Return the category under which Azure bills what a row prices."""
    if row.channel == _MARKETPLACE:
        return "SaaS"
    return "Foundry Models" if row.unit == TOKEN else "Foundry Tools"


class _File(Strict):
    discounts: list[dict[str, object]]


class DatedDiscount(NamedTuple):
    """A discount as a file states it; without a start it begins with the next day."""

    discount: Discount
    day: str | None


def read_discounts(source: str, content: object) -> list[DatedDiscount]:
    """Return the discounts in a file; ConfigurationError names the file and the field."""
    found = list[DatedDiscount]()
    for number, said in enumerate(validated(_File, source, content).discounts):
        day = said.pop("from", None)
        if day is not None and not isinstance(day, str):
            raise ConfigurationError(f"{source}: discounts.{number}.from: is not a quoted date")
        found.append(DatedDiscount(validated(Discount, f"{source}: {number}", said), day))
    return found


def must_be_a_day(start: Instant) -> None:
    """Raise ConfigurationError unless a discount begins with a UTC day."""
    if start % DAY:
        raise ConfigurationError(
            f"from {format_instant(start)}: a discount holds for whole days: give midnight in UTC"
        )
