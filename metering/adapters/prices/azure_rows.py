"""Items of the Azure Retail Prices API, turned into rows of a price file. Pure.

Azure lists one price per meter, region and start. A row gathers the meters of one model, one way
it is sold, from the first month on in which they had these prices. Where every region that lists a
meter has one price, the row is for any region; otherwise each region has its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from metering.adapters.prices.azure_meters import (
    CACHED_IMAGE,
    OUTPUT_IMAGE,
    PER_MILLION,
    Meter,
    read_meter,
)
from metering.adapters.prices.azure_models import Model
from metering.adapters.prices.price_import import Skipped, SourceRow


class AzureItem(NamedTuple):
    """One price of one meter, in all regions that have it from the same day on."""

    product: str
    meter: str
    unit: str
    retail_price: Decimal
    effective_from: str
    """RFC 3339, as Azure writes it."""
    regions: tuple[str, ...]


class Quote(NamedTuple):
    """A price of one kind of token in one region from a day on."""

    effective_from: str
    per_million: Decimal
    meter: str
    unit: str


class Place(NamedTuple):
    """A model and one way it is sold."""

    model: Model
    deployment_type: str
    service_tier: str
    long_context: bool

    def __str__(self) -> str:
        """Return the place in words, for a message."""
        context = " long context" if self.long_context else ""
        return f"{self.model.name}/{self.deployment_type}/{self.service_tier}{context}"


type Quotes = dict[str, dict[str, list[Quote]]]
"""By region, then by bucket, in the order of their start."""

type Prices = dict[str, Quote]
"""By bucket: what is in force in one region at one time."""

_MAX_DECIMALS = 6


def azure_rows(items: Iterable[AzureItem]) -> tuple[list[SourceRow], list[Skipped]]:
    """Return all rows that are beyond doubt, and what was left out and why."""
    skipped: dict[tuple[str, str], Skipped] = {}
    places: defaultdict[Place, Quotes] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for item in items:
        meter = _meter_of(item)
        if isinstance(meter, str):
            skipped[item.meter, meter] = Skipped(f"{item.product}: {item.meter}", meter)
            continue
        place = Place(meter.model, meter.deployment_type, meter.service_tier, meter.long_context)
        price = item.retail_price * PER_MILLION[item.unit]
        quote = Quote(item.effective_from, price, item.meter, item.unit)
        for region in item.regions:
            for bucket in meter.buckets:
                places[place][region][bucket].append(quote)
    left_out = list(skipped.values())
    rows: list[SourceRow] = []
    for place, quotes in places.items():
        found, why = _rows_of(place, quotes)
        rows.extend(found)
        left_out.extend(Skipped(str(place), reason) for reason in why)
    return rows, left_out


def _meter_of(item: AzureItem) -> Meter | str:
    meter = read_meter(item.product, item.meter, item.unit)
    if isinstance(meter, str):
        return meter
    if not item.regions:
        return "names no region"
    if item.retail_price <= 0:
        return f"has a price of {item.retail_price}"
    exponent = (item.retail_price * PER_MILLION[item.unit]).normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _MAX_DECIMALS:
        return f"{item.retail_price} per {item.unit} has more decimals than a price file holds"
    return meter


def _rows_of(place: Place, quotes: Quotes) -> tuple[list[SourceRow], list[str]]:
    why = sorted({reason for region in quotes.values() for reason in _contradictions(region)})
    if why:
        return [], why
    reasons = _left_out(quotes)
    timelines = {region: list(_timeline(by_bucket)) for region, by_bucket in quotes.items()}
    anywhere = _anywhere(timelines)
    if anywhere is not None:
        timelines = {"": anywhere}
    rows = [
        _row(place, region or None, start, prices)
        for region, timeline in timelines.items()
        for start, prices in timeline
        if prices
    ]
    dear = [row for row in rows if _cached_is_dearer(row)]
    reasons += sorted(
        {f"{row.region or 'any region'}: cached tokens dearer than others" for row in dear}
    )
    return [row for row in rows if row not in dear], reasons


def _contradictions(by_bucket: dict[str, list[Quote]]) -> Iterator[str]:
    """Say where two prices begin in one region on one day."""
    for bucket, quotes in by_bucket.items():
        quotes.sort()
        for one, other in pairwise(quotes):
            if one.effective_from == other.effective_from and one.per_million != other.per_million:
                yield (
                    f"{bucket}: {one.meter!r} and {other.meter!r} say {one.per_million} and"
                    f" {other.per_million} per million from {one.effective_from[:10]}"
                )


def _left_out(quotes: Quotes) -> list[str]:
    """Take away what no bucket can tell apart, and say so.

    Usage objects count cached images with cached text, and generated images with other output.
    """
    reasons = []
    for kind, bucket in ((CACHED_IMAGE, "cached_read"), (OUTPUT_IMAGE, "output")):
        having = [by for by in quotes.values() if kind in by]
        if bucket == "output" and not any(bucket in by for by in quotes.values()):
            # A model that makes nothing but images: they are its output.
            for by in having:
                by[bucket] = by.pop(kind)
            continue
        apart = any(_prices(by[kind]) != _prices(by.get(bucket, [])) for by in having)
        for by in quotes.values():
            by.pop(kind, None)
            if apart:
                by.pop(bucket, None)
        if apart:
            reasons.append(f"{bucket}: images cost other than text and are counted with it")
    return reasons


def _prices(quotes: Iterable[Quote]) -> set[Decimal]:
    return {quote.per_million for quote in quotes}


def _timeline(by_bucket: dict[str, list[Quote]]) -> Iterator[tuple[str, Prices]]:
    """Yield each day on which a price changes, with all prices in force from then on."""
    before: dict[str, Decimal] = {}
    starts = sorted({quote.effective_from for quotes in by_bucket.values() for quote in quotes})
    for start in starts:
        prices = {
            bucket: max(quote for quote in quotes if quote.effective_from <= start)
            for bucket, quotes in by_bucket.items()
            if any(quote.effective_from <= start for quote in quotes)
        }
        now = {bucket: quote.per_million for bucket, quote in prices.items()}
        if now != before:
            yield start, prices
        before = now


def _anywhere(
    timelines: dict[str, list[tuple[str, Prices]]],
) -> list[tuple[str, Prices]] | None:
    """Return the one timeline of all regions; None where two regions ever differ in a price."""
    merged: list[tuple[str, Prices]] = []
    for start in sorted({start for timeline in timelines.values() for start, _ in timeline}):
        together: Prices = {}
        for timeline in timelines.values():
            for bucket, quote in _in_force(timeline, start).items():
                if together.setdefault(bucket, quote).per_million != quote.per_million:
                    return None
        if not merged or _numbers(together) != _numbers(merged[-1][1]):
            merged.append((start, together))
    return merged


def _in_force(timeline: list[tuple[str, Prices]], at: str) -> Prices:
    return next((prices for start, prices in reversed(timeline) if start <= at), {})


def _numbers(prices: Prices) -> dict[str, Decimal]:
    return {bucket: quote.per_million for bucket, quote in prices.items()}


def _row(place: Place, region: str | None, start: str, prices: Prices) -> SourceRow:
    model = place.model
    return SourceRow(
        model.name,
        model.aliases,
        model.provider,
        "microsoft",
        place.deployment_type,
        region,
        place.service_tier,
        model.long_context_tokens if place.long_context else None,
        start,
        _numbers(prices),
        {bucket: quote.meter for bucket, quote in prices.items()},
        {bucket: quote.unit for bucket, quote in prices.items()},
    )


def _cached_is_dearer(row: SourceRow) -> bool:
    prices = row.per_million_tokens
    return any(
        cached in prices and plain in prices and prices[cached] > prices[plain]
        for cached, plain in (("cached_read", "input"), ("cached_audio", "input_audio"))
    )
