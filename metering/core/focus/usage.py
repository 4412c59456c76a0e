"""Sums of pages for FOCUS usage rows, by day, rate, list price and consumer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import AMOUNTS_PER_PRICE, Amount
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import LedgerId, Period
from metering.core.focus.row import Sku
from metering.core.ledger.entry import Entry, State
from metering.core.ledger.page import Page
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import PriceBook
from metering.core.prices.rating import Rate
from metering.core.usage.buckets import BUCKETS

#: Rates and consumers whose texts are kept.
_KEPT: Final = 4096
#: The buckets, each with its place, in the order of their names.
_BY_NAME: Final = sorted(zip(BUCKETS, range(len(BUCKETS)), strict=True))


class Where(NamedTuple):
    """The dimensions shared by the requests in one row."""

    subject: str
    product: str | None
    use_case: str | None
    deployment: str | None
    region: str | None
    provider: str | None


type SkuKey = tuple[Rate, str | None, str | None, str]
"""The key of a priced item: rate, list price, provider and bucket."""


class Used(NamedTuple):
    """Usage of one UTC day at one rate and one list price."""

    day: Instant
    """The start of the day."""
    rate: Rate
    listed: str | None
    """The key of the price row; None if no list has the price."""
    where: Where


class Count(NamedTuple):
    """The quantity of one bucket; negative if corrections removed more than was added."""

    used: Used
    bucket: str
    quantity: int

    @property
    def unit_price(self) -> Amount:
        """The price of one under the plan, integer of 10^-18."""
        return self.used.rate.units[BUCKETS.index(self.bucket)] or 0


class Changed(NamedTuple):
    """A ledger that a statement bills: its own, or an earlier one that changed since."""

    ledger: LedgerId
    period: Period
    plan: Plan
    counts: Sequence[Count]


class Billed(NamedTuple):
    """A statement and the ledgers that it bills."""

    statement: Statement
    own: Changed
    late: Sequence[Changed] = ()
    periods: Mapping[str, Period] = {}
    """The tenant's periods up to this one that had usage, by name."""

    def about(self, name: str | None) -> Changed | None:
        """Return the ledger billed for the period of this name."""
        return next((one for one in (self.own, *self.late) if one.period.name == name), None)


class ListPrices:
    """Finds the row of a price book behind a rate that an entry recorded."""

    def __init__(self, book: PriceBook) -> None:
        self.rows = book.rows
        self._named = book.rows_named
        self.skus: dict[SkuKey, Sku] = {}
        """The priced items so far: rows at one price share one."""

    def key_of(self, rate: Rate, provider: str | None, at: Instant) -> str | None:
        """Return the key of the row behind a rate at an instant; None if no row matches."""
        found = [
            row
            for row in self._named.get((rate.version or "", rate.row or ""), ())
            if row.effective_from <= at and row.channel == rate.channel
        ]
        named = [row for row in found if row.provider == provider]
        return (named or found)[-1].key if found else None

    def unit_price(self, count: Count) -> Amount:
        """Return the list price of one, integer of 10^-18; without it, the plan's price."""
        listed = count.used.listed
        price = None
        if listed is not None:
            price = self.rows[listed].prices[BUCKETS.index(count.bucket)]
        return count.unit_price if price is None else price * AMOUNTS_PER_PRICE


class UsageSums:
    """Sums the usage of a ledger's pages."""

    def __init__(self, prices: ListPrices) -> None:
        self._prices = prices
        self._sums: defaultdict[Used, list[int]] = defaultdict(lambda: [0] * len(BUCKETS))

    def add(self, page: Page) -> None:
        """Add the usage of one page."""
        for entry in page.entries:
            for state, _, sign in entry.changes():
                self._count(entry, state, sign)

    def counts(self) -> list[Count]:
        """Return the sums by bucket, the earliest day first."""
        return [
            Count(used, bucket, sums[place])
            for used, sums in sorted(self._sums.items(), key=_place)
            for bucket, place in _BY_NAME
            if sums[place] and used.rate.units[place] is not None
        ]

    def _count(self, entry: Entry, state: State, sign: int) -> None:
        if not state.is_usage or not state.rate.is_priced:
            return
        of = state.dimensions
        where = Where(of.subject, of.product, of.use_case, of.deployment, of.region, of.provider)
        listed = self._prices.key_of(state.rate, of.provider, entry.time)
        sums = self._sums[Used(entry.time - entry.time % DAY, state.rate, listed, where)]
        for place, count in enumerate(state.buckets):
            sums[place] += sign * count


def _place(item: tuple[Used, object]) -> tuple[str, ...]:
    """Sort by day, then by all other fields, so that rows always come in the same order."""
    used, _ = item
    return f"{used.day:020}", *_texts(used.rate), *_texts((used.listed, *used.where))


@lru_cache(_KEPT)
def _texts(values: tuple[object, ...]) -> tuple[str, ...]:
    return tuple("" if value is None else f"={value}" for value in values)
