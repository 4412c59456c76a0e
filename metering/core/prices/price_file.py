"""Price files: one dated version of a price list, as committed or imported."""

from functools import lru_cache
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

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
from metering.core.prices.price_book import (
    NO_DEPLOYMENT,
    TOKEN,
    NamedRow,
    PriceRow,
    PriceSource,
)
from metering.core.usage.buckets import BUCKETS, INDEX, QUANTITY, TOKEN_BUCKETS, TokenBucket

#: Prices whose text is parsed once: a list repeats a few hundred of them thousands of times.
_KEPT: Final = 1024
#: Tokens without a price of their own that the providers bill as another bucket.
BILLED_AS: Final = {"reasoning": "output", "input_image": "input"}
#: No price of a token or a unit is larger; a larger number is a unit misread.
MAX_PRICE: Final = 10**9 * 10**PER_MILLION_DECIMALS
#: No model reads a longer prompt; a larger threshold would never apply.
MAX_THRESHOLD: Final = 100_000_000
#: Azure opened in 2010; a price from before is a date misread. So is one of the far future.
_FIRST_YEAR: Final = parse_instant("2010-01-01T00:00:00Z")
_LAST_YEAR: Final = parse_instant("2100-01-01T00:00:00Z")


def parse_price(text: object) -> int:
    """Return a price in 10^-6 currency units; ValueError for one that no token can have."""
    return _decimal(text) if isinstance(text, str) else _checked(text)


@lru_cache(_KEPT)
def _decimal(text: str) -> int:
    return _checked(text)


def _checked(text: object) -> int:
    price = parse_not_negative(text, PER_MILLION_DECIMALS)
    if price > MAX_PRICE:
        raise ValueError("is larger than a billion: its unit was misread")
    return price


def start_of_price(text: object) -> Instant:
    """Return when a price begins; ValueError for a date that no price can have."""
    if not isinstance(text, str):
        raise ValueError("is not a quoted time")  # noqa: TRY004, pydantic names the field
    start = parse_instant(text)
    if not _FIRST_YEAR <= start < _LAST_YEAR:
        raise ValueError("is not between 2010 and 2100")
    return start


def plain_text(text: str) -> str:
    """Return a name that every store can keep; ValueError for one that UTF-8 cannot write."""
    if not text.isprintable():
        raise ValueError("has a character that cannot be printed or stored")
    return text


type Price = Annotated[int, BeforeValidator(parse_price)]
"""Integer of 10^-6 currency units per million tokens, or per unit of another meter."""
type PriceName = Annotated[
    str, StringConstraints(min_length=1, max_length=256), AfterValidator(plain_text)
]
"""Name of a model, provider, region, meter or unit."""
type Threshold = Annotated[int, Field(gt=0, le=MAX_THRESHOLD)]
"""The prompt size above which another price applies."""
type PriceTier = Literal[
    "standard", "batch", "priority", "flex", "off_peak", "provisioned", "reserved"
]
"""How a request was served. The last three are Google's off-peak hours, and capacity that Google
and AWS sell: a request on it has a price only where a price list says so."""
type _Channel = Literal["microsoft", "marketplace"]
type _From = Annotated[Instant, BeforeValidator(start_of_price)]


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")


type _Text = Annotated[str, AfterValidator(plain_text)]


class _Origin(_Strict):
    source: _Text
    url: _Text
    retrieved: _Text
    via: _Text
    basis: Literal["published", "reported"] = "published"


class _FileRow(_Strict):
    model: PriceName
    aliases: list[PriceName]
    provider: PriceName
    channel: _Channel
    deployment_type: Literal["global", "data_zone", "regional"]
    region: PriceName | None
    service_tier: PriceTier
    context_tier: Literal["long"] | None = None
    context_above_tokens: Threshold | None = None
    effective_from: _From
    per_million_tokens: dict[TokenBucket, Price]
    billed_as: dict[TokenBucket, TokenBucket] = {}
    meters: dict[str, str] = {}


def _unit(name: str) -> str:
    if name == TOKEN:
        raise ValueError("prices of tokens are in `prices`")
    return name


class _FileMeter(_Strict):
    meter: PriceName
    aliases: list[PriceName] = []
    unit: Annotated[PriceName, AfterValidator(_unit)]
    provider: PriceName
    channel: _Channel
    deployment_type: Literal["global", "data_zone", "regional"] | None = None
    """None: the meter belongs to no deployment, or costs the same on every type."""
    region: PriceName | None = None
    effective_from: _From
    price: Price


class _File(_Strict):
    version: Annotated[str, StringConstraints(pattern=IDENTIFIER_SCHEMA)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    origin: _Origin
    prices: list[_FileRow] = []
    other_meters: list[_FileMeter] = []


def read_price_file(name: str, content: bytes) -> list[NamedRow]:
    """Return the rows of a price file, once for each of their names.

    `name` is the file's, for the message. Prices are quoted decimal strings in currency units per
    million tokens (of other meters: per unit) with at most six decimals; ConfigurationError names
    the place of anything else.
    """
    file = validated(_File, name, content)
    source = _source(file.origin)
    named: list[NamedRow] = []
    for line in file.prices:
        if (line.context_tier is None) != (line.context_above_tokens is None):
            raise ConfigurationError(
                f"{name}: {line.model}: context_tier and context_above_tokens go together"
            )
        row = _row(name, file, line)._replace(source=source)
        named.extend((known_as, row) for known_as in (line.model, *line.aliases))
    for meter in file.other_meters:
        row = _meter_row(file, meter)._replace(source=source)
        named.extend((known_as, row) for known_as in (meter.meter, *meter.aliases))
    return named


def version_of(name: str, content: bytes) -> str:
    """Return the version that a price file names."""
    return validated(_File, name, content).version


def _source(origin: _Origin) -> PriceSource:
    """Return the origin of a file's rows; a day that is not known counts as no day."""
    host = urlsplit(origin.url).hostname
    try:
        retrieved = parse_instant(f"{origin.retrieved[:10]}T00:00:00Z")
    except ValueError:
        retrieved = None
    return PriceSource(host or origin.source, retrieved, origin.basis == "reported")


def _row(name: str, file: _File, line: _FileRow) -> PriceRow:
    listed = line.per_million_tokens
    prices = [*[listed.get(bucket) for bucket in TOKEN_BUCKETS], None]
    no_discount = tuple(sorted(line.billed_as.items()))
    for bucket, other in (*no_discount, *BILLED_AS.items()):
        if prices[INDEX[bucket]] is None:
            prices[INDEX[bucket]] = prices[INDEX[other]]
        elif bucket in line.billed_as:
            raise ConfigurationError(
                f"{name}: {line.model}: billed_as: {bucket} has a price of its own"
            )
    if "input_image" not in listed and prices[INDEX["cached_image"]] is None:
        # Images without a price of their own are billed as text, in the cache too.
        prices[INDEX["cached_image"]] = prices[INDEX["cached_read"]]
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
        billed_as=no_discount,
    )


def _meter_row(file: _File, line: _FileMeter) -> PriceRow:
    return PriceRow(
        file.version,
        file.currency,
        line.provider,
        line.channel,
        line.meter,
        line.deployment_type or NO_DEPLOYMENT,
        line.region,
        "standard",
        None,
        line.effective_from,
        tuple(line.price if bucket == QUANTITY else None for bucket in BUCKETS),
        line.unit,
    )
