"""Prices that an operator writes down, checked field by field. Pure."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from metering.adapters.prices.price_import import SourceRow
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import format_instant
from metering.core.basics.validation import validated
from metering.core.prices.price_file import (
    PriceName,
    PriceTier,
    Threshold,
    parse_price,
    start_of_price,
)
from metering.core.usage.buckets import TOKEN_BUCKETS, TokenBucket

#: The seller of a model that no other seller is known for.
OWN: Final = "own"

type ProviderOf = Callable[[str], str | None]
"""Returns the known seller of a model."""


class OwnLine(NamedTuple):
    """One price as it was written, and where: `prices.csv:3`."""

    place: str
    fields: Mapping[str, object]


def _price(text: object) -> Decimal:
    parse_price(text)
    return Decimal(str(text))


def start_text(text: object) -> str:
    """Return when a price begins; a day means its first instant in UTC."""
    written = str(text)
    is_day = len(written) == len("2026-01-01")
    return format_instant(start_of_price(f"{written}T00:00:00Z" if is_day else written))


def no_seller(_: str) -> str | None:
    """Know no seller of any model."""
    return None


class _OwnPrice(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")

    model: PriceName
    effective_from: Annotated[str, BeforeValidator(start_text)]
    per_million_tokens: Annotated[
        dict[TokenBucket, Annotated[Decimal, BeforeValidator(_price)]], Field(min_length=1)
    ]
    aliases: list[PriceName] = []
    provider: PriceName | None = None
    """The seller. Where it is left out: the known one, or else the operator."""
    channel: Literal["microsoft", "marketplace"] = "microsoft"
    deployment_type: Literal["global", "data_zone", "regional"] = "global"
    region: PriceName | None = None
    service_tier: PriceTier = "standard"
    above_tokens: Threshold | None = None
    currency: str | None = None


#: The columns of a file with one price a line.
COLUMNS: Final = (_OwnPrice.model_fields.keys() - {"per_million_tokens"}) | set(TOKEN_BUCKETS)

#: Cached tokens are never dearer than the others: a file that says so has mixed up its columns.
_CHEAPER: Final[tuple[tuple[TokenBucket, TokenBucket], ...]] = (
    ("cached_read", "input"),
    ("cached_audio", "input_audio"),
)


def own_rows(lines: Iterable[OwnLine], currency: str, provider_of: ProviderOf) -> list[SourceRow]:
    """Return rows; ConfigurationError names the place and field of the first that is wrong."""
    rows: list[SourceRow] = []
    taken: dict[tuple[object, ...], str] = {}
    for line in lines:
        price = validated(_OwnPrice, line.place, line.fields)
        _check(line.place, price, currency)
        for name in {price.model, *price.aliases}:
            other = taken.setdefault(_claim(name, price), line.place)
            if other != line.place:
                raise ConfigurationError(
                    f"{line.place}: model: {name} has a price for the same place from the same"
                    f" instant at {other}"
                )
        rows.append(_row(price, price.provider or provider_of(price.model) or OWN))
    return rows


def _claim(name: str, price: _OwnPrice) -> tuple[object, ...]:
    return (
        name,
        price.deployment_type,
        price.region,
        price.service_tier,
        price.above_tokens is None,
        price.effective_from,
    )


def _check(place: str, price: _OwnPrice, currency: str) -> None:
    if price.currency not in {None, currency}:
        raise ConfigurationError(f"{place}: currency: {price.currency!r} is not {currency}")
    prices = price.per_million_tokens
    for cached, plain in _CHEAPER:
        if cached in prices and plain in prices and prices[cached] > prices[plain]:
            raise ConfigurationError(f"{place}: {cached}: is dearer than {plain}")


def _row(price: _OwnPrice, provider: str) -> SourceRow:
    prices = price.per_million_tokens
    return SourceRow(
        price.model,
        tuple(price.aliases),
        provider,
        price.channel,
        price.deployment_type,
        price.region,
        price.service_tier,
        price.above_tokens,
        price.effective_from,
        {bucket: prices[bucket] for bucket in TOKEN_BUCKETS if bucket in prices},
        {},
        dict.fromkeys(prices, "1M"),
    )
