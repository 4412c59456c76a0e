"""Agreed discounts: percentages off list prices, for everything or by meter category."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.money import parse_not_negative
from metering.core.reconciliation.cost_row import CostRow, Sort

#: A percentage has four decimals, so a share has six.
_PERCENT_DECIMALS: Final = 4
WHOLE: Final[int] = 10 ** (_PERCENT_DECIMALS + 2)
#: Rows whose other side is at list price. Provisioned units are compared at their registered price.
_LISTED: Final[frozenset[Sort]] = frozenset({"tokens", "marketplace"})

type Share = int
"""A part of a price, integer of 10^-6."""


class Agreed(NamedTuple):
    """The discounts of one comparison."""

    everything: Share | None = None
    """None if nothing is stated: then the dated records say it."""
    categories: Mapping[str, Share] = {}
    """By meter category in lower case; of one category its own discount applies, alone."""

    def share_of(self, row: CostRow) -> Share | None:
        """Return the discount on a row; None if none is stated for it."""
        if row.sort not in _LISTED:
            return 0
        return self.categories.get(row.category.lower(), self.everything)

    def must_be_of(self, source: str, categories: Iterable[str]) -> None:
        """Raise ConfigurationError for a discount on a category that the export does not have."""
        known = {name.lower(): name for name in categories}
        for name in self.categories:
            if name not in known:
                has = ", ".join(sorted(known.values())) or "none"
                raise ConfigurationError(
                    f"{source}: --discount: no row of an AI service has the meter category"
                    f" {name!r}; there are: {has}"
                )


def read_agreed(texts: Iterable[str]) -> Agreed:
    """Return discounts written like `7` or `Cognitive Services=7.5`. Raises ValueError."""
    everything: Share | None = None
    categories: dict[str, Share] = {}
    for text in texts:
        category, equals, percent = text.rpartition("=")
        name = category.strip().lower()
        share = _share(percent.strip())
        if equals and not name:
            raise ValueError(f"{text!r} names no meter category")
        if name in categories or (not equals and everything is not None):
            raise ValueError(f"{text!r} is a second discount for the same")
        if equals:
            categories[name] = share
        else:
            everything = share
    return Agreed(everything, categories)


def _share(percent: str) -> Share:
    share = parse_not_negative(percent, _PERCENT_DECIMALS)
    if share > WHOLE:
        raise ValueError(f"{percent!r} is more than 100 percent")
    return share
