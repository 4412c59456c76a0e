"""Chargeback: usage and cost of each model by product, tenant or use case.

A correction removes the state that it supersedes from its row. First and last times are kept by day
to bound memory: if a correction moves a request to another row, the old row keeps that day's first
or last time as long as the day has other requests there.

A delivery by schedule counts each change of the ledger in exactly one of the adjacent windows: that
of its usage, or, if it was committed later than ARRIVAL after it, that of its commit. Its rows name
the day (UTC) of the usage, so that the deliveries of all days add up to the usage of each day.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from metering.core.basics.csv_text import Cell, Figure, figure
from metering.core.basics.instants import DAY, MINUTE, Instant, format_instant, to_datetime
from metering.core.basics.money import Amount, format_fixed
from metering.core.ledger.entry import State
from metering.core.ledger.head import NOTHING, RateTotals, totals_of
from metering.core.ledger.page import Page
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import INDEX, INPUT_BUCKETS, QUANTITY, QUANTITY_DECIMALS, TOKENS

By = Literal["product", "tenant", "use_case"]

#: Usage that is committed within this time after the end of its window is in that window.
ARRIVAL: Final = 15 * MINUTE

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


class _Key(NamedTuple):
    day: str | None
    """The day of the usage; None unless rows are by day."""
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

    def __init__(self, by: By, span: Span | None) -> None:
        """Count requests in a span; without one, all requests."""
        self._by = by
        self._span = span
        self._sums: defaultdict[_Key, _Sum] = defaultdict(_Sum)
        self.as_of: Instant | None = None
        """The commit time of the last page that counted."""

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
        day_of = f"{to_datetime(time):%Y-%m-%d}" if self._is_by_day else None
        total = self._sums[_Key(day_of, name, state.rate.model, state.rate.unit, currency)]
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
        return (*(("day",) if self._is_by_day else ()), self._by, *COLUMNS)

    @property
    def _is_by_day(self) -> bool:
        return self._span is not None and self._span.by_arrival

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Yield the rows by day, name, model, unit and currency; unnamed rows come first."""
        for key in sorted(self._sums, key=_in_order):
            total = self._sums[key]
            if total.line != NOTHING or total.amount:
                named = key if self._is_by_day else key[1:]
                yield (*named, *_figures(key.unit, total))

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
    # A delivery may have corrections alone: then no request of it is new.
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
        format_instant(min(day.first for day in days)) if days else None,
        format_instant(max(day.last for day in days)) if days else None,
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
