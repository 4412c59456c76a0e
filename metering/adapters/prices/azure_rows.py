"""Items of the Azure Retail Prices API, turned into rows of a price file. Pure.

Azure lists one price per meter, region and start. A row gathers the meters of one model, one way
it is sold, from the first month on in which they had these prices. Where every region that lists a
meter has one price, the row is for any region; otherwise each region has its own.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from metering.adapters.prices.azure_meters import PER_MILLION, Meter, read_meter
from metering.adapters.prices.azure_models import Model
from metering.adapters.prices.price_import import Skipped, SourceRow
from metering.core.prices.price_book import TOKEN


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
    unit: str = TOKEN

    def __str__(self) -> str:
        """Return the place in words, for a message."""
        context = " long context" if self.long_context else ""
        return f"{self.model.name}/{self.deployment_type}/{self.service_tier}{context}"


type Quotes = dict[str, dict[str, list[Quote]]]
"""By region, then by bucket, in the order of their start."""

type Prices = dict[str, Quote]
"""By bucket: what is in force in one region at one time."""

type Timeline = list[tuple[str, Prices]]
"""The days on which a price changes in one region, with all prices in force from then on."""

type Timelines = dict[str, Timeline]
"""By region; of any region under an empty name."""

_MAX_DECIMALS: Final = 6
_GOVERNMENT: Final = ("usgov", "usdod", "china")

#: OpenAI models before GPT-5: Azure has batch meters for their input and none for cached input,
#: and gives the cached discount to standard and provisioned deployments only (Azure's prompt
#: caching page, 2026-11). So cached tokens of a batch are billed as its input.
_NO_BATCH_DISCOUNT: Final = re.compile(r"gpt-(?:3|4).*|o[134](?:-.*)?")


def azure_rows(items: Iterable[AzureItem]) -> tuple[list[SourceRow], list[Skipped]]:
    """Return all rows that are beyond doubt, and what was left out and why."""
    skipped: dict[tuple[str, str], Skipped] = {}
    places: defaultdict[Place, Quotes] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for item in items:
        meter = _meter_of(item)
        if isinstance(meter, str):
            skipped[item.meter, meter] = Skipped(f"{item.product}: {item.meter}", meter)
            continue
        place = Place(
            meter.model,
            meter.deployment_type,
            meter.service_tier,
            meter.long_context,
            meter.unit,
        )
        price = _price(item, meter)
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
    exponent = _price(item, meter).normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _MAX_DECIMALS:
        return f"{item.retail_price} per {item.unit} has more decimals than a price file holds"
    return meter


def _price(item: AzureItem, meter: Meter) -> Decimal:
    """Return a price for a million tokens, or for one unit of another meter."""
    if meter.unit == TOKEN:
        return item.retail_price * PER_MILLION[item.unit]
    return item.retail_price / meter.size


def _rows_of(place: Place, quotes: Quotes) -> tuple[list[SourceRow], list[str]]:
    why = sorted({reason for region in quotes.values() for reason in _contradictions(region)})
    if why:
        return [], why
    _images_are_output(quotes)
    timelines = _common({region: list(_timeline(by)) for region, by in quotes.items()})
    rows = [
        _row(place, region or None, start, prices)
        for region, timeline in timelines.items()
        for start, prices in timeline
        if prices
    ]
    dear = [row for row in rows if _cached_is_dearer(row)]
    reasons = sorted(
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


def _images_are_output(quotes: Quotes) -> None:
    """Give a model that makes nothing but images their price for every token of its output.

    Usage objects of such models need not say that the output is an image.
    """
    if not any("output" in by for by in quotes.values()):
        for by in quotes.values():
            if "output_image" in by:
                by["output"] = by["output_image"]


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


def _common(timelines: Timelines) -> Timelines:
    """Return one timeline for any region, and those of the regions that differ from it.

    Government regions cost more and never make a price depend on the region: where all others
    agree, theirs is the price without region. Where those differ, each region keeps its own.
    """
    public = {name: line for name, line in timelines.items() if not is_government(name)}
    anywhere = _anywhere(public or timelines)
    if anywhere is None:
        return timelines
    apart = {
        name: line
        for name, line in timelines.items()
        if public and is_government(name) and _differs(line, anywhere)
    }
    return {"": anywhere, **apart}


def is_government(region: str) -> bool:
    """Say whether a region is one of a government, with prices of its own."""
    return region.startswith(_GOVERNMENT)


def _differs(timeline: Timeline, anywhere: Timeline) -> bool:
    """Say whether a region ever has another price than the common one of that time."""
    for start, prices in timeline:
        common = _in_force(anywhere, start)
        if any(
            bucket not in common or common[bucket].per_million != quote.per_million
            for bucket, quote in prices.items()
        ):
            return True
    return False


def _anywhere(timelines: Timelines) -> Timeline | None:
    """Return the one timeline of all regions; None where two regions ever differ in a price."""
    merged: Timeline = []
    for start in sorted({start for timeline in timelines.values() for start, _ in timeline}):
        together: Prices = {}
        for timeline in timelines.values():
            for bucket, quote in _in_force(timeline, start).items():
                if together.setdefault(bucket, quote).per_million != quote.per_million:
                    return None
        if not merged or _numbers(together) != _numbers(merged[-1][1]):
            merged.append((start, together))
    return merged


def _in_force(timeline: Timeline, at: str) -> Prices:
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
        _billed_as(place, prices),
        place.unit,
    )


def _billed_as(place: Place, prices: Prices) -> dict[str, str]:
    """Return the buckets that are known to have no discount, with those they are billed as."""
    known = place.service_tier == "batch" and _NO_BATCH_DISCOUNT.fullmatch(place.model.name)
    if known and "input" in prices and "cached_read" not in prices:
        return {"cached_read": "input"}
    return {}


def _cached_is_dearer(row: SourceRow) -> bool:
    prices = row.per_million_tokens
    return any(
        cached in prices and plain in prices and prices[cached] > prices[plain]
        for cached, plain in (("cached_read", "input"), ("cached_audio", "input_audio"))
    )
