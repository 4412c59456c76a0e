"""Price files: one dated version of a price list, as committed or imported."""

from functools import lru_cache
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, parse_instant
from metering.core.basics.money import PER_MILLION_DECIMALS, parse_not_negative
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.basics.validation import validated
from metering.core.prices.price_book import NO_DEPLOYMENT, TOKEN, NamedRow, PriceRow
from metering.core.usage.buckets import BUCKETS, INDEX, QUANTITY, TOKEN_BUCKETS, TokenBucket

#: Prices whose text is parsed once: a list repeats a few hundred of them thousands of times.
_KEPT: Final = 1024
#: Tokens without a price of their own that the providers bill as another bucket.
BILLED_AS: Final = {"reasoning": "output", "input_image": "input"}


def _price(text: object) -> int:
    return (
        _decimal(text) if isinstance(text, str) else parse_not_negative(text, PER_MILLION_DECIMALS)
    )


@lru_cache(_KEPT)
def _decimal(text: str) -> int:
    return parse_not_negative(text, PER_MILLION_DECIMALS)


type Price = Annotated[int, BeforeValidator(_price)]
"""Integer of 10^-6 currency units per million tokens, or per unit of another meter."""
type _Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
type _Channel = Literal["microsoft", "marketplace"]
type _From = Annotated[Instant, BeforeValidator(parse_instant)]


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")


class _Origin(_Strict):
    source: str
    url: str
    retrieved: str
    via: str


class _FileRow(_Strict):
    model: _Name
    aliases: list[_Name]
    provider: str
    channel: _Channel
    deployment_type: Literal["global", "data_zone", "regional"]
    region: str | None
    service_tier: Literal["standard", "batch", "priority", "flex"]
    context_tier: Literal["long"] | None = None
    context_above_tokens: Annotated[int, Field(gt=0)] | None = None
    effective_from: _From
    per_million_tokens: dict[TokenBucket, Price]
    meters: dict[str, str] = {}


def _unit(name: str) -> str:
    if name == TOKEN:
        raise ValueError("prices of tokens are in `prices`")
    return name


class _FileMeter(_Strict):
    meter: _Name
    unit: Annotated[_Name, AfterValidator(_unit)]
    provider: str
    channel: _Channel
    region: str | None = None
    effective_from: _From
    price: Price


class _File(_Strict):
    version: Annotated[str, StringConstraints(pattern=IDENTIFIER_SCHEMA)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    origin: _Origin
    prices: list[_FileRow] = []
    other_meters: list[_FileMeter] = []


def read_price_file(name: str, content: bytes) -> list[NamedRow]:
    """Return the rows of a price file, once for each name they go by.

    `name` is the file's, for the message. Prices are quoted decimal strings in currency units per
    million tokens (of other meters: per unit) with at most six decimals; ConfigurationError names
    the place of anything else.
    """
    file = validated(_File, name, content)
    named: list[NamedRow] = []
    for line in file.prices:
        if (line.context_tier is None) != (line.context_above_tokens is None):
            raise ConfigurationError(
                f"{name}: {line.model}: context_tier and context_above_tokens go together"
            )
        row = _row(file, line)
        named.extend((known_as, row) for known_as in (line.model, *line.aliases))
    named.extend((meter.meter, _meter_row(file, meter)) for meter in file.other_meters)
    return named


def version_of(name: str, content: bytes) -> str:
    """Return the version that a price file names."""
    return validated(_File, name, content).version


def _row(file: _File, line: _FileRow) -> PriceRow:
    listed = line.per_million_tokens
    prices = [*[listed.get(bucket) for bucket in TOKEN_BUCKETS], None]
    for bucket, other in BILLED_AS.items():
        if prices[INDEX[bucket]] is None:
            prices[INDEX[bucket]] = prices[INDEX[other]]
    return PriceRow(
        file.version,
        file.currency,
        line.provider,
        line.channel,
        line.model,
        line.deployment_type,
        line.region,
        line.service_tier,
        line.context_above_tokens,
        line.effective_from,
        tuple(prices),
    )


def _meter_row(file: _File, line: _FileMeter) -> PriceRow:
    return PriceRow(
        file.version,
        file.currency,
        line.provider,
        line.channel,
        line.meter,
        NO_DEPLOYMENT,
        line.region,
        "standard",
        None,
        line.effective_from,
        tuple(line.price if bucket == QUANTITY else None for bucket in BUCKETS),
        line.unit,
    )
