"""Own usage: the ledgers' usage by day, account, deployment, model and meter, at list price.

The cloud provider bills list prices, without the terms of a plan; so tokens are priced again by the
price row that their rate names.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, Instant
from metering.core.basics.money import AMOUNTS_PER_PRICE, Amount
from metering.core.deployments.served_by import ServedBy
from metering.core.ledger.entry import Entry, State
from metering.core.ledger.page import Page
from metering.core.prices.price_book import TOKEN, PriceBook, PriceRow
from metering.core.prices.priced import PROVISIONED
from metering.core.prices.rating import Rate
from metering.core.reconciliation.explain import LedgerSide
from metering.core.reports.breakdown import day_of
from metering.core.usage.buckets import TOKEN_BUCKETS
from metering.core.usage.usage import Dimensions

#: Lag of Azure's meters: usage in the last hours of a day may be billed on the next day.
EDGE: Final[Instant] = 6 * HOUR

#: Cells of days, accounts, deployments, models and meters: about 100 MB.
MAX_CELLS: Final = 200_000

_MARKETPLACE: Final = "marketplace"


class Place(NamedTuple):
    """The key of a cell without its meter."""

    day: str
    account: str | None
    deployment: str | None
    model: str


type Served = Callable[[Dimensions, Instant], ServedBy]
"""Returns the Azure resource that served a request."""


class CurrencyPrices:
    """Finds the price rows that rates name, in one currency."""

    def __init__(self, book: PriceBook, currency: str) -> None:
        self.book = book
        self.currency = currency
        self._named: defaultdict[tuple[str, str], list[PriceRow]] = defaultdict(list)
        for row in sorted(book.rows.values(), key=lambda row: row.effective_from, reverse=True):
            self._named[row.version, row.id].append(row)

    def row(self, rate: Rate, at: Instant) -> PriceRow | None:
        """Return the row that a rate names; None for a rate without one.

        A row in another currency is replaced by the matching row in this currency.
        """
        rows = self._named.get((rate.version or "", rate.row or ""), ())
        row = next((one for one in rows if one.effective_from <= at), None)
        if row is None or row.currency == self.currency:
            return row
        place = row.place._replace(currency=self.currency)
        return self.book.find(row.model, at, place, long_context=row.above_tokens is not None)

    def name(self, model: str | None) -> str:
        """Return the name under which a model is compared."""
        return "" if model is None else self.book.canonical(model) or model


class OwnUsage:
    """Sums the pages of ledgers in a span, corrections included."""

    def __init__(
        self, prices: CurrencyPrices, served: Served, *, start: Instant, end: Instant
    ) -> None:
        """Count `[start, end)`; both are midnights in UTC."""
        self._prices = prices
        self._served = served
        self._start = start
        self._end = end
        self.cells: defaultdict[Place, dict[str, LedgerSide]] = defaultdict(dict)
        """By place and bucket; the day before the span has its last hours only."""
        self.missing: defaultdict[Place, int] = defaultdict(int)
        """Requests whose counts never arrived; the model is empty if it is unknown."""
        self.marketplace: defaultdict[tuple[str, str | None], Amount] = defaultdict(int)
        """Usage billed by the marketplace, by day and account."""
        self._count = 0

    def add(self, page: Page) -> None:
        """Add the usage of one page."""
        for entry in page.entries:
            if not self._start - EDGE <= entry.time < self._end:
                continue
            day = day_of(page.slot)
            for state, _, sign in entry.changes():
                self._count_state(entry, state, day, sign)

    def include(self, other: "OwnUsage") -> None:
        """Add the sums of other pages, of the same span."""
        for place, cells in other.cells.items():
            for bucket, cell in cells.items():
                self._cell(place, bucket).add(cell)
        for missing, requests in other.missing.items():
            self.missing[missing] += requests
        for billed, amount in other.marketplace.items():
            self.marketplace[billed] += amount

    def _count_state(self, entry: Entry, state: State, day: str, sign: int) -> None:
        of = state.dimensions
        on_tokens = of.deployment_type != PROVISIONED or of.spillover
        if state.is_hold or state.rate.unit != TOKEN or state.rate.weights or not on_tokens:
            return
        model = self._prices.name(state.rate.model or of.model or of.requested_model)
        deployment = None if of.deployment is None else of.deployment.casefold()
        place = Place(day, self._served(of, entry.time).account, deployment, model)
        if state.is_missing:
            self.missing[place] += sign
            return
        row = self._prices.row(state.rate, entry.time)
        if row is not None and row.channel == _MARKETPLACE:
            if entry.time >= self._start:
                self.marketplace[day, place.account] += sign * _amount(row, state.buckets)
            return
        for index, bucket in enumerate(TOKEN_BUCKETS):
            if state.buckets[index]:
                cell = self._cell(place, bucket)
                price = None if row is None else row.prices[index]
                self._add(cell, entry.time, sign * state.buckets[index], price)
                cell.totals_only += sign * state.buckets[index] * state.is_totals_only

    def _add(self, cell: LedgerSide, at: Instant, tokens: int, price: int | None) -> None:
        if at % DAY >= DAY - EDGE:
            cell.edge += tokens
        if at < self._start:
            return
        cell.tokens += tokens
        if price is None:
            cell.unpriced += tokens
        else:
            cell.amount += tokens * price * AMOUNTS_PER_PRICE

    def _cell(self, place: Place, bucket: str) -> LedgerSide:
        cells = self.cells[place]
        if bucket not in cells:
            self._count += 1
            if self._count > MAX_CELLS:
                raise ConfigurationError(
                    f"more than {MAX_CELLS:,} lines to compare: take fewer days (--from, --to)"
                )
            cells[bucket] = LedgerSide()
        return cells[bucket]


def _amount(row: PriceRow, buckets: tuple[int, ...]) -> Amount:
    return sum(
        count * (price or 0) * AMOUNTS_PER_PRICE
        for count, price in zip(buckets, row.prices, strict=True)
    )
