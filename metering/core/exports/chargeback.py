"""Chargeback: usage and cost by product, tenant or use case, and by model, deployment and SKU.

A correction removes the state that it supersedes from its row. First and last times are kept by day
to bound memory: if a correction moves a request to another row, the old row keeps that day's first
or last time as long as the day has other requests there.

A delivery by schedule counts each change of the ledger in exactly one of the adjacent windows: that
of its usage, or, if it was committed later than ARRIVAL after it, that of its commit. Its rows name
the day (UTC) of the usage, so that the deliveries of all days add up to the usage of each day.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from metering.core.basics.columns import Column, Kind
from metering.core.basics.csv_text import Cell
from metering.core.basics.instants import DAY, MINUTE, Instant, to_datetime
from metering.core.basics.money import Amount
from metering.core.deployments.served_by import ServedBy, served_by
from metering.core.exports.chargeback_columns import COSTS, FIGURES, KEYS
from metering.core.exports.chargeback_sum import Key, Sum
from metering.core.ledger.entry import State
from metering.core.ledger.head import NOTHING
from metering.core.ledger.page import Page
from metering.core.prices.price_book import TOKEN
from metering.core.prices.rating import OTHER_NAMES
from metering.core.usage.usage import Dimensions

By = Literal["product", "tenant", "use_case"]

#: Usage that is committed within this time after the end of its window is in that window.
ARRIVAL: Final = 15 * MINUTE

#: Rows with names of callers' choice: about 250 MB. Further ones are summed as OTHER_NAMES.
MAX_ROWS: Final = 100_000

type Served = Callable[[Dimensions, Instant], ServedBy]
"""Returns the Azure resource that served a request at an instant."""


type CostOf = Callable[[State, Instant], Amount | None]
"""Returns what a request costs the company; None if that is not known."""


def _as_named(of: Dimensions, _: Instant) -> ServedBy:
    return served_by(of, None)


class Span(NamedTuple):
    """The part of the usage that counts: `[start, end)`, by time of use or of arrival."""

    start: Instant
    end: Instant
    by_arrival: bool = False

    def counts(self, time: Instant, committed: Instant) -> bool:
        """Return whether a change to usage of one time, committed at another, counts."""
        at = max(time, committed - ARRIVAL) if self.by_arrival else time
        return self.start <= at < self.end

    def may_count(self, committed: Instant) -> bool:
        """Return whether a ledger that was last committed then may have changes that count."""
        # A producer's clock may be ahead of that of the commit.
        return not self.by_arrival or committed + DAY >= self.start

    def is_over(self, committed: Instant) -> bool:
        """Return whether nothing that is committed from then on counts."""
        return self.by_arrival and committed - ARRIVAL >= self.end


class Chargeback:
    """Sums pages of any ledgers; holds sums only."""

    def __init__(
        self,
        by: By,
        span: Span | None,
        served: Served = _as_named,
        cost_of: CostOf | None = None,
    ) -> None:
        """Count requests in a span; without one, all requests."""
        self._by = by
        self._span = span
        self._served = served
        self._cost_of = cost_of
        self._figures = FIGURES if cost_of is None else (*FIGURES, *COSTS)
        self._sums: defaultdict[Key, Sum] = defaultdict(Sum)
        self.as_of: Instant | None = None
        """The commit time of the last page that counted."""
        self.has_other_names = False
        """Whether rows beyond MAX_ROWS were summed under OTHER_NAMES."""

    def add(self, page: Page, currency: str) -> None:
        """Add one page of a ledger in this currency."""
        counted = False
        for entry in page.entries:
            if self._span and not self._span.counts(entry.time, page.committed):
                continue
            counted = True
            for state, _, sign in entry.changes():
                if state.is_usage:
                    self._count(state, entry.time, page.ledger.tenant, currency, sign)
        if counted:
            self.as_of = max(self.as_of or 0, page.committed)

    def _count(self, state: State, time: Instant, tenant: str, currency: str, sign: int) -> None:
        of = state.dimensions
        name = tenant if self._by == "tenant" else of.product
        if self._by == "use_case":
            name = of.use_case
        day = f"{to_datetime(time):%Y-%m-%d}" if self._is_by_day else None
        served = self._served(of, time)
        key = Key(day, name, state.rate.model, *served, state.rate.unit, currency)
        total = self._sum(key)
        total.add(state, time, tenant, sign)
        if self._cost_of is not None:
            total.add_cost(state, self._cost_of(state, time), sign)

    def _sum(self, key: Key) -> Sum:
        """Return the sum of a key, or, where there is no room for it, that of all others."""
        if key not in self._sums and len(self._sums) >= MAX_ROWS:
            self.has_other_names = True
            key = key._replace(
                name=OTHER_NAMES,
                model=OTHER_NAMES,
                deployment=OTHER_NAMES,
                account=OTHER_NAMES,
                unit=key.unit if key.unit == TOKEN else OTHER_NAMES,
            )
        return self._sums[key]

    def absorb(self, other: "Chargeback") -> None:
        """Add the sums of other pages."""
        for key, more in other._sums.items():  # noqa: SLF001, its own class
            self._sum(key).absorb(more)
        self.has_other_names |= other.has_other_names
        if other.as_of is not None:
            self.as_of = max(self.as_of or 0, other.as_of)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns: the key of a row, which begins with its day or its name, and its figures."""
        day = (Column("day", Kind.DAY),) if self._is_by_day else ()
        return (*day, Column(self._by), *KEYS, *(column for column, _ in self._figures))

    @property
    def _is_by_day(self) -> bool:
        return self._span is not None and self._span.by_arrival

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Yield the rows in the order of their keys; unnamed rows come first."""
        for key in sorted(self._sums, key=_in_order):
            total = self._sums[key]
            if total.line != NOTHING or total.amount:
                named = key if self._is_by_day else key[1:]
                yield (*named, *(cell(key, total) for _, cell in self._figures))

    def totals(self) -> Mapping[str, Amount]:
        """Return the sum of all amounts by currency."""
        found: defaultdict[str, Amount] = defaultdict(int)
        for key, total in self._sums.items():
            found[key.currency] += total.amount
        return dict(found)


def _in_order(key: Key) -> tuple[tuple[bool, str], ...]:
    return tuple((part is not None, part or "") for part in key)
