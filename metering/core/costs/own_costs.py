"""Own costs: what usage costs the company, by the name of its price (`breakdown.price_of`)."""

import json
from functools import cache, lru_cache
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant, parse_instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, Amount
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import day_at
from metering.core.deployments.deployment import place_of
from metering.core.ledger.entry import State
from metering.core.prices.price_book import PriceBook, PriceRow
from metering.core.prices.rating import OF_THE_PLAN, OTHER_NAMES, PROVISIONED_ROW
from metering.core.reports.breakdown import price_of
from metering.core.tenancy.directory import Directory
from metering.core.usage.buckets import BUCKETS, QUANTITY, Buckets

_ONE: Final = 10**MULTIPLIER_DECIMALS
#: On a hosted model every token weighs the same; a quantity of no tokens weighs nothing.
_EVERY_TOKEN: Final = tuple(0 if bucket == QUANTITY else _ONE for bucket in BUCKETS)
_CAPACITY: Final = "deployments@"
#: Names of prices that a process remembers: more than a year of prices has.
_MAX_NAMES: Final = 20_000


class Priced(NamedTuple):
    """The name of a price, read."""

    version: str
    row: str | None
    channel: str | None
    provider: str | None
    hosted: str | None

    @property
    def is_capacity(self) -> bool:
        """Say whether hours of provisioned units were used, which are paid whatever is used."""
        return self.version.startswith(_CAPACITY)

    @property
    def capacity(self) -> str | None:
        """The key, in lower case, of the deployment whose hours were used; None without any."""
        if self.hosted is not None:
            return self.hosted.casefold()
        return self.key.casefold() if self.is_capacity else None

    @property
    def key(self) -> str:
        """The key of the deployment whose provisioned units were used."""
        return (self.row or "").removesuffix(PROVISIONED_ROW)


@lru_cache(_MAX_NAMES)
def read_price_name(name: str) -> Priced:
    """Return the parts of the name of a price."""
    return Priced(*json.loads(name))


class OwnCosts:
    """The costs under one state of the price book and the directory."""

    def __init__(self, book: PriceBook, directory: Directory) -> None:
        self._rows = book.rows_named
        self._directory = directory
        self._factors = cache(self._factors_at)
        self._weights = cache(self._weights_of)

    def cost(self, price: str | None, day: str, tokens: Buckets) -> Amount | None:
        """Return what usage on a day costs at list prices less the discount; None if not known."""
        if not any(tokens):
            return 0
        factors = None if self._read(price) is None else self._factors(price or "", day)
        if factors is None:
            return None
        total = 0
        for count, factor in zip(tokens, factors, strict=True):
            if count:
                if factor is None:
                    return None
                total += count * factor
        return total

    def of_state(self, state: State, time: Instant) -> Amount | None:
        """Return what a request costs at list prices less the discount; None if not known."""
        price = price_of(state.rate, state.dimensions.provider)
        return self.cost(price, day_at(time), state.buckets)

    def weighted(self, price: str | None, tokens: Buckets) -> tuple[str, int] | None:
        """Return the deployment whose hours usage took, and its weighted tokens; else None."""
        named = self._read(price)
        place = None if named is None else named.capacity
        if price is None or place is None:
            return None
        weights = self._weights(price)
        return place, sum(count * weight for count, weight in zip(tokens, weights, strict=True))

    @staticmethod
    def _read(price: str | None) -> Priced | None:
        """Return the name of a price, read; None for an unknown price and one lost in a crowd."""
        return None if price in {None, OTHER_NAMES} else read_price_name(price or "")

    def _factors_at(self, price: str, day: str) -> tuple[int | None, ...] | None:
        """Return the cost of a token of each bucket in 10^-18; None without a price row."""
        named = read_price_name(price)
        if named.is_capacity:
            return (0,) * len(BUCKETS)
        at = parse_instant(f"{day}T00:00:00Z")
        row = self._row(named, at)
        if row is None:
            return None
        discount = self._directory.discounts.for_row(row, at)
        rest = _ONE if discount is None else discount.rest
        # A list price is an integer of 10^-12 and the rest one of 10^-6: their product of 10^-18.
        return tuple(None if listed is None else listed * rest for listed in row.prices)

    def _row(self, named: Priced, at: Instant) -> PriceRow | None:
        """Return the row in force at the start of a day, or the first of the day."""
        if named.row == OF_THE_PLAN:
            return None
        rows = self._rows.get((named.version, named.row or ""), [])
        fitting = [row for row in rows if row.channel == named.channel]
        sold = [row for row in fitting if row.provider == named.provider] or fitting
        begun = [row for row in sold if row.effective_from <= at]
        return begun[-1] if begun else next(iter(sold), None)

    def _weights_of(self, price: str) -> Buckets:
        named = read_price_name(price)
        if not named.is_capacity:
            return _EVERY_TOKEN
        account, _, name = named.key.rpartition("/")
        since = parse_instant(named.version.removeprefix(_CAPACITY))
        versions = self._directory.versions(place_of(account or None, name))
        found, _, _ = versions.at(max(since, BEGINNING))
        provisioned = None if found is None else found.provisioned
        return _EVERY_TOKEN if provisioned is None else provisioned.bucket_weights()
