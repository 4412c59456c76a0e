"""Coverage: which models a price book prices, in which ways, from which sources, and how old."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.basics.wording import plural
from metering.core.prices.price_book import (
    DEFAULT_DEPLOYMENT_TYPE,
    TOKEN,
    PriceBook,
    PriceKey,
    PriceRow,
    PriceSource,
)

#: A source that was not read for so long most likely has other prices now: Azure changes prices on
#: the first of a month, and announces cuts with a few weeks' notice.
OLD_PRICES: Final[Instant] = 60 * DAY


class SourceAge(NamedTuple):
    """One source of the prices in force, and the last time that it was read."""

    name: str
    rows: int
    retrieved: Instant | None
    """None: the source does not say, as an operator's own file."""
    age: Instant | None

    @property
    def is_old(self) -> bool:
        """Say whether the source most likely has other prices now."""
        return self.age is not None and self.age > OLD_PRICES

    @property
    def days(self) -> int | None:
        """The age in whole days."""
        return None if self.age is None else self.age // DAY


def source_ages(book: PriceBook, now: Instant) -> list[SourceAge]:
    """Return the age of each source by name; the newest reading of a source counts for all of it.

    Rows known from public reports have no age: a report never becomes the seller's word.
    """
    rows: defaultdict[str, list[PriceSource]] = defaultdict(list)
    for row in book.rows.values():
        if row.effective_from <= now and not row.source.is_reported:
            rows[row.source.name].append(row.source)
    return [_age(name, rows[name], now) for name in sorted(rows)]


def _age(name: str, sources: list[PriceSource], now: Instant) -> SourceAge:
    read = [source.retrieved for source in sources if source.retrieved is not None]
    retrieved = max(read, default=None)
    return SourceAge(
        name, len(sources), retrieved, None if retrieved is None else max(0, now - retrieved)
    )


def age_text(age: SourceAge) -> str:
    """Return the age of a source in words."""
    if age.retrieved is None:
        return f"{plural(age.rows, 'price')}, date unknown"
    day = format_instant(age.retrieved)[:10]
    return f"{plural(age.rows, 'price')}, read on {day}, {plural(age.days or 0, 'day')} ago"


class Covered(NamedTuple):
    """One model of a list, and the ways in which it has a price."""

    model: str
    ways: tuple[str, ...]
    """Deployment types and tiers with a price in force: `global/standard`."""
    by_region: tuple[str, ...]
    """Those of them whose price depends on the region."""
    is_reported: bool
    """Whether the price in force is known from public reports."""
    why: str | None
    """The reason that a global standard request has no price; None if it has one."""


def covered(book: PriceBook, models: Iterable[str], now: Instant) -> list[Covered]:
    """Return how each of the models is priced at an instant, by name."""
    rows: defaultdict[str, list[PriceRow]] = defaultdict(list)
    for row in book.rows.values():
        if row.effective_from <= now:
            rows[row.model].append(row)
    return [_covered(book, name, rows, now) for name in sorted(set(models), key=str.lower)]


def _covered(
    book: PriceBook, name: str, rows: defaultdict[str, list[PriceRow]], now: Instant
) -> Covered:
    regions: defaultdict[str, set[str | None]] = defaultdict(set)
    for row in rows[book.canonical(name) or name]:
        regions[_way(row)].add(row.region)
    key = PriceKey()
    found = book.find(name, now, key)
    return Covered(
        name,
        tuple(sorted(regions)),
        tuple(sorted(way for way, known in regions.items() if None not in known)),
        found is not None and found.source.is_reported,
        None if found is not None else _why(book, name, now, key, regions),
    )


def _way(row: PriceRow) -> str:
    return f"{row.deployment_type}/{row.service_tier if row.unit == TOKEN else f'per {row.unit}'}"


def _why(
    book: PriceBook, name: str, now: Instant, key: PriceKey, regions: dict[str, set[str | None]]
) -> str | None:
    """Return why a request has no price; None for a meter that is not counted in tokens."""
    if any(way.startswith(f"{DEFAULT_DEPLOYMENT_TYPE}/per ") for way in regions):
        return None
    return book.why_unknown(name, now, key)
