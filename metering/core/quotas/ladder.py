"""The ladder: which model may take the place of another."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.prices.price_book import TOKEN, PriceBook
from metering.core.usage.buckets import INDEX

type Prices = tuple[int, int]
"""The list prices of a token of input and of output, integers of 10^-12 currency units."""

_INPUT: Final = INDEX["input"]
_OUTPUT: Final = INDEX["output"]


class Ladder(NamedTuple):
    """Facts about the models that requests can be downgraded to."""

    providers: Mapping[str, str] = MappingProxyType({})
    """The provider of each model that only one sells."""
    prices: Mapping[str, Prices] = MappingProxyType({})
    """The lowest list price of each model."""

    @property
    def models(self) -> set[str]:
        """The models of which anything is known."""
        return {*self.providers, *self.prices}

    def refusal(self, model: str, to: str, *, may_be_dearer: bool = False) -> str | None:
        """Return why requests for a model cannot go to another; None if they can.

        What is unknown of either is no reason.
        """
        if model == to:
            return "is the same model"
        ours, theirs = self.providers.get(model), self.providers.get(to)
        if ours is not None and theirs is not None and ours != theirs:
            return f"is of {theirs}, {model!r} of {ours}: their APIs differ"
        mine, other = self.prices.get(model), self.prices.get(to)
        if mine is None or other is None or may_be_dearer:
            return None
        if other[0] > mine[0] or other[1] > mine[1]:
            return f"is dearer than {model!r}: write dearer: true if that is meant"
        return None


NO_LADDER: Final = Ladder()


def ladder_of(book: PriceBook, currency: str, at: Instant) -> Ladder:
    """Return the ladder of a price book: of each model its lowest price at the standard tier."""
    prices: dict[str, Prices] = {}
    for row in book.rows.values():
        listed = row.prices[_INPUT], row.prices[_OUTPUT]
        is_plain = row.unit == TOKEN and row.service_tier == "standard" and row.above_tokens is None
        if row.currency != currency or row.effective_from > at or not is_plain:
            continue
        if listed[0] is not None and listed[1] is not None:
            found = listed[0], listed[1]
            known = prices.get(row.model)
            prices[row.model] = found if known is None else min(known, found)
    return Ladder(book.providers, prices)
