"""A provider's list prices in genai-prices, turned into rows of a price file.

They are what the provider itself asks for: models that Azure's feed lacks are billed at these
prices through the Marketplace.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from metering.adapters.prices.genai_names import Names
from metering.adapters.prices.price_import import Skipped, SourceRow
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import QUANTITY

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

#: Fields of a price in the package. Five minutes is the shortest lifetime of a cache write.
_BUCKETS: Final = {
    "input_mtok": "input",
    "cache_read_mtok": "cached_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_long",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cached_audio",
    "input_image_mtok": "input_image",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
}
#: Kinds of token that usage objects count together with those of a bucket.
_COUNTED_WITH: Final = {
    "cache_image_read_mtok": "cached_read",
}
#: Buckets that cost what another one does, where a provider has no other price for them (Google).
_AS_TEXT: Final = {"input_audio": "input", "cached_audio": "cached_read"}
#: The package's variants by name, and the service tier that each is.
_TIERS: Final = {
    ("processing", "batch"): "batch",
    ("service_tier", "priority"): "priority",
    ("service_tier", "flex"): "flex",
}
_STANDARD: Final = ("service_tier", "default")

#: Counts of other things than tokens, each per thousand: the meter's name and unit. A search is
#: charged by the query at the price of Gemini 3 and later, by the prompt at that of those before.
_PER_THOUSAND: Final[dict[tuple[str, str, Decimal | None], tuple[str, str]]] = {
    ("google", "web_searches_kcount", Decimal(14)): ("search_queries", "query"),
    ("google", "web_searches_kcount", Decimal(35)): ("grounded_prompts", "call"),
}
_PAGES: Final = "input_document_kpages"


class _Sold(NamedTuple):
    """A model as a provider sells it."""

    provider: str
    name: str
    aliases: tuple[str, ...]


class Spell(NamedTuple):
    """A price and the day from which it holds."""

    start: date
    prices: Mapping[str, object]
    """The package's fields; a price or prices by the size of the prompt."""


def genai_rows(
    provider: str, models: list["ModelInfo"], as_of: date
) -> tuple[list[SourceRow], list[Skipped]]:
    """Return all rows beyond doubt, and what was left out and why.

    A price holds from its own start on, and without one from `as_of`, the date of the data.
    """
    rows: list[SourceRow] = []
    skipped: list[Skipped] = []
    names = Names(provider, models)
    for model in models:
        if not names.are_own(model):
            skipped.append(
                Skipped(model.id, "another maker's model, priced under the maker's list")
            )
            continue
        sold = _Sold(provider, *names.of(model))
        for found in _of_model(sold, model, as_of):
            (rows if isinstance(found, SourceRow) else skipped).append(found)  # type: ignore[arg-type]
    return _distinct(rows), skipped


def _of_model(sold: _Sold, model: "ModelInfo", as_of: date) -> Iterator[SourceRow | Skipped]:
    spells: list[Spell] = []
    for found in _spells(model, as_of):
        if isinstance(found, Spell):
            spells.append(found)
        else:
            yield found
    for spell in spells:
        yield from _rows(sold, model, "standard", spell)
    for variant in model.price_variants or []:
        when = tuple(variant.when.items())
        tier = _TIERS.get(when[0]) if len(when) == 1 else None
        if when == (_STANDARD,) and not variant.prices.__dict__:
            continue
        start = _start(variant.constraint, as_of)
        if tier is None or start is None or not spells:
            yield Skipped(model.id, f"the variant {variant.when} is not a service tier of Azure")
            continue
        yield from _rows(sold, model, tier, _merged(spells, start, variant.prices))


def _spells(model: "ModelInfo", as_of: date) -> Iterator[Spell | Skipped]:
    if not isinstance(model.prices, list):
        yield Spell(as_of, _fields(model.prices))
        return
    starts = [_start(price.constraint, as_of) for price in model.prices]
    for price, start in zip(model.prices, starts, strict=True):
        later = [other for other in starts if other is not None and other < as_of]
        if start is None:
            yield Skipped(model.id, "a price that depends on the time of day")
        elif price.constraint is None and later:
            yield Skipped(model.id, f"a price until {min(later)}, it is not known from when on")
        else:
            yield Spell(start, _fields(price.prices))


def _start(constraint: object, as_of: date) -> date | None:
    """Return when a price begins; None where it holds at certain hours only."""
    if constraint is None:
        return as_of
    start = getattr(constraint, "start_date", None)
    return start if isinstance(start, date) else None


def _merged(spells: list[Spell], start: date, variant: "ModelPrice") -> Spell:
    """Return a variant laid over the price it changes; it holds once both do."""
    own = _fields(variant)
    base = max(
        (spell for spell in spells if spell.start <= start),
        default=spells[0],
        key=lambda spell: spell.start,
    )
    tokens = {field for field in base.prices if field in _BUCKETS or field in _COUNTED_WITH}
    if tokens <= own.keys():
        return Spell(start, own)
    return Spell(max(start, base.start), {**base.prices, **own})


def _fields(price: "ModelPrice") -> dict[str, object]:
    return {
        field: value
        for field, value in price.__dict__.items()
        if value is not None and not field.startswith("_")
    }


def _rows(
    sold: _Sold, model: "ModelInfo", tier: str, spell: Spell
) -> Iterator[SourceRow | Skipped]:
    prices = dict(spell.prices)
    for field, bucket in _COUNTED_WITH.items():
        own = prices.pop(field, None)
        plain = next((name for name, known in _BUCKETS.items() if known == bucket), "")
        if own is not None and own != prices.get(plain):
            prices.pop(plain, None)
            yield Skipped(model.id, f"{bucket}: images cost other than text, counted with it")
    for field in sorted(prices.keys() - _BUCKETS.keys()):
        meter = _meter(sold, field, prices.pop(field), spell.start)
        if meter is None:
            yield Skipped(model.id, f"{field}: no kind of token that a bucket holds")
        elif tier == "standard":
            yield meter
    starts = {tier.start for value in prices.values() for tier in getattr(value, "tiers", ())}
    if not prices:
        yield Skipped(model.id, "has no price by the token")
    elif len(starts) > 1:
        yield Skipped(model.id, "has more than one long-context tier")
    else:
        yield _row(sold, tier, spell.start, prices)
        for above in starts:
            yield _row(sold, tier, spell.start, prices, above=above)


def _meter(sold: _Sold, field: str, price: object, start: date) -> SourceRow | None:
    """Return the row of a count per thousand; None for a field that no meter counts."""
    known = price if isinstance(price, Decimal) else None
    if field == _PAGES:
        name, aliases, unit = sold.name, sold.aliases, "page"
    elif (sold.provider, field, known) in _PER_THOUSAND:
        (name, unit), aliases = _PER_THOUSAND[sold.provider, field, known], ()
    else:
        return None
    assert known is not None
    return SourceRow(
        name,
        aliases,
        sold.provider,
        "marketplace",
        "global",
        None,
        "standard",
        None,
        f"{start.isoformat()}T00:00:00Z",
        {QUANTITY: known / 1000},
        {},
        {QUANTITY: f"1K {unit}"},
        unit=unit,
    )


def _distinct(rows: list[SourceRow]) -> list[SourceRow]:
    """Return the rows with each meter once, from the first day on which a model has its price."""
    tokens = [row for row in rows if row.unit == TOKEN]
    first: dict[str, SourceRow] = {}
    for row in rows:
        if row.unit != TOKEN:
            known = first.setdefault(row.model, row)
            if row.effective_from < known.effective_from:
                first[row.model] = row
    return [*tokens, *first.values()]


def _row(
    sold: _Sold,
    tier: str,
    start: date,
    prices: Mapping[str, object],
    *,
    above: int | None = None,
) -> SourceRow:
    buckets = {_BUCKETS[field]: _price(value, above) for field, value in prices.items()}
    as_text = {
        bucket: text
        for bucket, text in _AS_TEXT.items()
        if sold.provider == "google" and text in buckets and bucket not in buckets
    }
    return SourceRow(
        sold.name,
        sold.aliases,
        sold.provider,
        "marketplace",
        "global",
        None,
        tier,
        above,
        f"{start.isoformat()}T00:00:00Z",
        buckets,
        {},
        dict.fromkeys(buckets, "1M"),
        as_text,
    )


def _price(value: object, above: int | None) -> Decimal:
    """Return a price, or the price of one of its tiers."""
    if isinstance(value, Decimal):
        return value
    price = getattr(value, "base") if above is None else getattr(value, "tiers")[0].price  # noqa: B009
    assert isinstance(price, Decimal)
    return price
