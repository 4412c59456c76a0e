"""A provider's list prices in genai-prices, turned into rows of a price file.

They are what the provider itself asks for: models that Azure's feed lacks are billed at these
prices through the Marketplace.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from metering.adapters.prices.price_import import Skipped, SourceRow

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
    "output_audio_mtok": "output_audio",
}
#: Kinds of token that usage objects count together with those of a bucket.
_COUNTED_WITH: Final = {
    "cache_image_read_mtok": "cached_read",
    "output_image_mtok": "output",
}
#: The package's variants by name, and the service tier that each is.
_TIERS: Final = {
    ("processing", "batch"): "batch",
    ("service_tier", "priority"): "priority",
    ("service_tier", "flex"): "flex",
}
_STANDARD: Final = ("service_tier", "default")

#: Names with a date that responses carry and the package knows by their beginning only
#: (Anthropic's model overview). From Claude 4.6 on names have no date.
_DATED: Final[dict[str, tuple[str, ...]]] = {
    "claude-3-haiku": ("claude-3-haiku-20240307",),
    "claude-3-opus": ("claude-3-opus-20240229",),
    "claude-3-sonnet": ("claude-3-sonnet-20240229",),
    "claude-3-5-haiku": ("claude-3-5-haiku-20241022",),
    "claude-3-5-sonnet": ("claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022"),
    "claude-3-7-sonnet": ("claude-3-7-sonnet-20250219",),
    "claude-sonnet-4-0": ("claude-sonnet-4-20250514",),
    "claude-opus-4-1": ("claude-opus-4-1-20250805",),
    "claude-sonnet-4-5": ("claude-sonnet-4-5-20250929",),
    "claude-haiku-4-5": ("claude-haiku-4-5-20251001",),
    "claude-opus-4-5": ("claude-opus-4-5-20251101",),
}


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
    for model in models:
        for found in _of_model(provider, model, as_of):
            (rows if isinstance(found, SourceRow) else skipped).append(found)  # type: ignore[arg-type]
    return rows, skipped


def _of_model(provider: str, model: "ModelInfo", as_of: date) -> Iterator[SourceRow | Skipped]:
    spells: list[Spell] = []
    for found in _spells(model, as_of):
        if isinstance(found, Spell):
            spells.append(found)
        else:
            yield found
    for spell in spells:
        yield from _rows(provider, model, "standard", spell)
    for variant in model.price_variants or []:
        when = tuple(variant.when.items())
        tier = _TIERS.get(when[0]) if len(when) == 1 else None
        if when == (_STANDARD,) and not variant.prices.__dict__:
            continue
        start = _start(variant.constraint, as_of)
        if tier is None or start is None or not spells:
            yield Skipped(model.id, f"the variant {variant.when} is not a service tier of Azure")
            continue
        yield from _rows(provider, model, tier, _merged(spells, start, variant.prices))


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
    provider: str, model: "ModelInfo", tier: str, spell: Spell
) -> Iterator[SourceRow | Skipped]:
    prices = dict(spell.prices)
    for field, bucket in _COUNTED_WITH.items():
        own = prices.pop(field, None)
        plain = next((name for name, known in _BUCKETS.items() if known == bucket), "")
        if own is not None and own != prices.get(plain):
            prices.pop(plain, None)
            yield Skipped(model.id, f"{bucket}: images cost other than text, counted with it")
    for field in sorted(prices.keys() - _BUCKETS.keys()):
        yield Skipped(model.id, f"{field}: no kind of token that a bucket holds")
        del prices[field]
    starts = {tier.start for value in prices.values() for tier in getattr(value, "tiers", ())}
    if not prices:
        yield Skipped(model.id, "has no price by the token")
    elif len(starts) > 1:
        yield Skipped(model.id, "has more than one long-context tier")
    else:
        yield _row(provider, model, tier, spell.start, prices)
        for above in starts:
            row = _row(provider, model, tier, spell.start, prices, above=above)
            yield row


def _row(
    provider: str,
    model: "ModelInfo",
    tier: str,
    start: date,
    prices: Mapping[str, object],
    *,
    above: int | None = None,
) -> SourceRow:
    name = model.id.removesuffix("-latest")
    equal = set(_equals(model.match)) | set(_DATED.get(name, ()))
    return SourceRow(
        name,
        tuple(sorted((equal | {model.id}) - {name})),
        provider,
        "marketplace",
        "global",
        None,
        tier,
        above,
        f"{start.isoformat()}T00:00:00Z",
        {_BUCKETS[field]: _price(value, above) for field, value in prices.items()},
        {},
        {_BUCKETS[field]: "1M" for field in prices},
    )


def _price(value: object, above: int | None) -> Decimal:
    """Return a price, or the price of one of its tiers."""
    if isinstance(value, Decimal):
        return value
    price = getattr(value, "base") if above is None else getattr(value, "tiers")[0].price  # noqa: B009
    assert isinstance(price, Decimal)
    return price


def _equals(match: object) -> Iterator[str]:
    """Yield the names that a model goes by exactly."""
    equal = getattr(match, "equals", None)
    if isinstance(equal, str):
        yield equal
    for clause in getattr(match, "or_", ()):
        yield from _equals(clause)
