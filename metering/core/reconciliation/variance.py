"""Variance: aggregates at list price beside the platform's own estimate, by day and model."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.aggregates.point import Figure
from metering.core.aggregates.span import Span
from metering.core.basics.instants import Instant
from metering.core.basics.money import AMOUNTS_PER_PRICE, Amount
from metering.core.calendars.periods import day_at
from metering.core.ledger.entry import Entry, State
from metering.core.ledger.page import Page
from metering.core.reconciliation.own_usage import CurrencyPrices
from metering.core.usage.buckets import TOKEN_BUCKETS
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import EXPORTER_SOURCES

#: Platforms estimate in US dollars.
CURRENCY: Final = "USD"
#: Of an estimate in 10^-12 dollars to an amount in 10^-18.
_AMOUNTS: Final = 10**6


class Cell(NamedTuple):
    """The key of a line: a UTC day, and the model that is priced."""

    day: str
    model: str


@dataclass(slots=True)
class Line:
    """One day and model."""

    tokens: int = 0
    unpriced_tokens: int = 0
    """Tokens that have no price here."""
    ours: Amount = 0
    """The priced tokens at list price."""
    estimate: Amount | None = None
    """The platform's estimate; None if it exported none."""
    price_missing: int = 0
    """Points whose price the platform did not know: they are in no estimate."""

    @property
    def difference(self) -> Amount | None:
        """The estimate less ours; None without an estimate."""
        return None if self.estimate is None else self.estimate - self.ours


@dataclass(slots=True)
class Variance:
    """The lines so far, of a span of whole days."""

    prices: CurrencyPrices
    start: Instant
    end: Instant
    lines: defaultdict[Cell, Line] = field(default_factory=lambda: defaultdict(Line))

    def add_page(self, page: Page) -> None:
        """Add the aggregates of one page of a ledger."""
        for entry in page.entries:
            if self.start <= entry.time < self.end and entry.key[1].startswith(EXPORTER_SOURCES):
                self._add_entry(entry)

    def _add_entry(self, entry: Entry) -> None:
        for state, _, sign in entry.changes():
            if state.evidence is Evidence.AGGREGATE:
                line = self.lines[self._cell(entry.time, *_names(state))]
                self._add_state(line, state, entry.time, sign)

    def _add_state(self, line: Line, state: State, at: Instant, sign: int) -> None:
        row = self.prices.row(state.rate, at)
        for index, _ in enumerate(TOKEN_BUCKETS):
            tokens = sign * state.buckets[index]
            price = None if row is None else row.prices[index]
            line.tokens += tokens
            if price is None:
                line.unpriced_tokens += tokens
            else:
                line.ours += tokens * price * AMOUNTS_PER_PRICE

    def add_spans(self, spans: Iterable[Span]) -> None:
        """Add the platform's estimates."""
        for span in spans:
            used = span.usage
            if Figure.COST in used or Figure.COST_MISSING in used:
                series = span.run.series
                line = self.lines[self._cell(span.start, series.model, series.requested_model)]
                line.estimate = (line.estimate or 0) + used.get(Figure.COST, 0) * _AMOUNTS
                line.price_missing += used.get(Figure.COST_MISSING, 0)

    def _cell(self, at: Instant, model: str | None, requested: str | None) -> Cell:
        return Cell(day_at(at), self.prices.name(model or requested))

    def sorted(self) -> list[tuple[Cell, Line]]:
        """Return the lines in order."""
        return sorted(self.lines.items())


def _names(state: State) -> tuple[str | None, str | None]:
    return state.dimensions.model or state.rate.model, state.dimensions.requested_model
