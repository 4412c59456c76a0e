"""The bound on the lines of a ledger that take their name from its requests.

A head has a line for every rate. Rates of the price book are as many as the book has; a model or
meter without a price, or with a plan's price for everything, has the name that a caller gave it.
"""

from collections.abc import Callable
from typing import Final

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.ledger.head import Head
from metering.core.prices.price_book import TOKEN
from metering.core.prices.rating import OF_THE_PLAN, OTHER_NAMES, Rate
from metering.core.usage.event import BUSINESS_OUTCOME
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage

#: Lines with a name of a caller's choice. Further ones count as OTHER_NAMES: as exact, for their
#: entries keep the name that was sent and the unit prices. A line has 1.7 KB at most, a head with
#: all of them 0.5 MB, a quarter of what a document may have.
MAX_NAMED_LINES: Final = 250

_HELD: Final = Evidence.HELD

type Rating = Callable[[Usage, Instant], tuple[Rate, Amount | None]]
"""Rates a usage under the terms at an instant."""


def is_named_by_caller(rate: Rate) -> bool:
    """Say whether a rate has the name that a request gave, which no price book knows."""
    return rate.version is None or rate.row == OF_THE_PLAN


def without_name(rate: Rate) -> Rate:
    """Return a rate under the name for all others: the same prices, tokens apart from meters."""
    unit = rate.unit if rate.unit == TOKEN else OTHER_NAMES
    return rate._replace(model=OTHER_NAMES, unit=unit)


class BoundedNames:
    """A rating that gives a ledger a bounded number of lines; made anew for every commit."""

    def __init__(self, rate: Rating, head: Head) -> None:
        self._rate = rate
        self._head = head
        self._named: set[Rate] | None = None

    def __call__(self, usage: Usage, at: Instant) -> tuple[Rate, Amount | None]:
        """Return rate and amount, the rate without its name where the ledger has no room for it."""
        applied, amount = self._rate(usage, at)
        if applied.version is not None and applied.row != OF_THE_PLAN:
            return applied, amount
        # Neither holds nor outcomes make lines.
        if usage.evidence is _HELD or usage.key[0] == BUSINESS_OUTCOME:
            return applied, amount
        return (applied if self._has_room(applied) else without_name(applied)), amount

    def _has_room(self, rate: Rate) -> bool:
        if self._named is None:
            self._named = set(filter(is_named_by_caller, self._head.lines))
        if rate not in self._named:
            if len(self._named) >= MAX_NAMED_LINES:
                return False
            self._named.add(rate)
        return True
