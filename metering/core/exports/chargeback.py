"""Chargeback: usage and cost of each model by product, tenant or use case.

A correction removes the state that it supersedes from its row. First and last times are kept by day
to bound memory: if a correction moves a request to another row, the old row keeps that day's first
or last time as long as the day has other requests there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from metering.core.basics.csv_text import Cell, Figure, figure
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.basics.money import Amount, format_fixed
from metering.core.ledger.entry import State
from metering.core.ledger.head import NOTHING, RateTotals, totals_of
from metering.core.ledger.page import Page
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import INDEX, INPUT_BUCKETS, QUANTITY, QUANTITY_DECIMALS, TOKENS

By = Literal["product", "tenant", "use_case"]

#: Names listed in one cell; the cell says how many more there are.
MAX_LISTED: Final = 100
_SHARE_DECIMALS: Final = 4
_LISTS: Final = ("regions", "callers", "backends", "tenants")
_CACHED: Final = (INDEX["cached_read"], INDEX["cached_audio"])
_CACHE_WRITTEN: Final = (INDEX["cache_write"], INDEX["cache_write_long"])

COLUMNS: Final = (
    *("model", "unit", "currency", "calls"),
    *("prompt_tokens", "completion_tokens", "total_tokens", "quantity"),
    *("cached_tokens", "cache_written_tokens", "cache_hit_share"),
    *("first_seen", "last_seen", *_LISTS),
    *("unpriced_calls", "missing_calls", "not_billable_calls", "amount"),
)
"""The columns after the first, which is named after the grouping."""


class _Key(NamedTuple):
    name: str | None
    model: str | None
    unit: str
    currency: str


class _Day(NamedTuple):
    requests: int
    first: Instant
    last: Instant


@dataclass(slots=True)
class _Sum:
    line: RateTotals = NOTHING
    amount: Amount = 0
    lists: tuple[Counter[str], ...] = field(
        default_factory=lambda: tuple(Counter() for _ in _LISTS)
    )
    days: dict[int, _Day] = field(default_factory=dict)

    def absorb(self, more: "_Sum") -> None:
        """Add another sum of the same key."""
        self.line = self.line.plus(more.line)
        self.amount += more.amount
        for names, counts in zip(self.lists, more.lists, strict=True):
            names.update(counts)
        for number, day in more.days.items():
            known = self.days.get(number, _Day(0, day.first, day.last))
            self.days[number] = _Day(
                known.requests + day.requests,
                min(known.first, day.first),
                max(known.last, day.last),
            )


class Chargeback:
    """Sums pages of any ledgers; holds sums only."""

    def __init__(self, by: By, span: tuple[Instant, Instant] | None) -> None:
        """Count requests in `[start, end)`; without a span, all requests."""
        self._by = by
        self._span = span
        self._sums: defaultdict[_Key, _Sum] = defaultdict(_Sum)
        self.as_of: Instant | None = None
        """The commit time of the last page that counted."""

    def add(self, page: Page, currency: str) -> None:
        """Add one page of a ledger in this currency."""
        counted = False
        for entry in page.entries:
            if self._span and not self._span[0] <= entry.time < self._span[1]:
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
        total = self._sums[_Key(name, state.rate.model, state.rate.unit, currency)]
        total.line = total.line.plus(totals_of(state, sign))
        total.amount += sign * (state.amount or 0)
        values = (of.region, of.subject, of.backend, tenant)
        for names, value in zip(total.lists, values, strict=True):
            if value is not None:
                names[value] += sign
        day = total.days.get(time // DAY, _Day(0, time, time))
        total.days[time // DAY] = _Day(
            day.requests + sign, min(day.first, time), max(day.last, time)
        )

    def absorb(self, other: "Chargeback") -> None:
        """Add the sums of other pages."""
        for key, more in other._sums.items():  # noqa: SLF001, its own class
            self._sums[key].absorb(more)
        if other.as_of is not None:
            self.as_of = max(self.as_of or 0, other.as_of)

    @property
    def columns(self) -> tuple[str, ...]:
        """The header."""
        return (self._by, *COLUMNS)

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Yield the rows by name, model, unit and currency; unnamed rows come first."""
        for key in sorted(self._sums, key=_in_order):
            total = self._sums[key]
            if total.line.requests:
                yield (key.name, key.model, key.unit, key.currency, *_figures(key.unit, total))

    def totals(self) -> Mapping[str, Amount]:
        """Return the sum of all amounts by currency."""
        found: defaultdict[str, Amount] = defaultdict(int)
        for key, total in self._sums.items():
            found[key.currency] += total.amount
        return dict(found)


def _in_order(key: _Key) -> tuple[tuple[bool, str], ...]:
    return tuple((part is not None, part or "") for part in key)


def _figures(unit: str, total: _Sum) -> tuple[Cell, ...]:
    line, tokens = total.line, total.line.tokens
    prompt, of_all = sum(tokens[INPUT_BUCKETS]), sum(tokens[TOKENS])
    cached = sum(tokens[index] for index in _CACHED)
    quantity = None if unit == TOKEN else format_fixed(tokens[INDEX[QUANTITY]], QUANTITY_DECIMALS)
    days = [day for day in total.days.values() if day.requests]
    return (
        line.requests,
        prompt,
        of_all - prompt,
        of_all,
        quantity and Figure(quantity),
        cached,
        sum(tokens[index] for index in _CACHE_WRITTEN),
        _share(cached, prompt),
        format_instant(min(day.first for day in days)),
        format_instant(max(day.last for day in days)),
        *(_listed(names) for names in total.lists),
        line.unpriced,
        line.missing,
        line.not_billable,
        None if line.is_unknown else figure(total.amount),
    )


def _share(part: int, whole: int) -> Cell:
    """Return a share between 0 and 1, truncated to four decimals; None of zero."""
    if not whole:
        return None
    return Figure(format_fixed(part * 10**_SHARE_DECIMALS // whole, _SHARE_DECIMALS))


def _listed(names: Counter[str]) -> Cell:
    found = sorted(name for name, requests in names.items() if requests)
    more = len(found) - MAX_LISTED
    return ";".join([*found[:MAX_LISTED], *([f"and {more} more"] if more > 0 else [])]) or None
