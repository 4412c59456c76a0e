"""The price book: dated list prices by model, deployment type, region, tier and bucket."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from metering.core.buckets import BUCKETS, INDEX, BucketName
from metering.core.errors import ConfigurationError
from metering.core.instants import Instant, parse_instant
from metering.core.money import PRICE_DECIMALS, parse_fixed
from metering.core.validation import validated

#: Prices are published per million tokens, so six decimals there are twelve a token.
PER_MILLION_DECIMALS: Final = PRICE_DECIMALS - 6

#: What the event leaves out. An Azure deployment is global standard unless it says otherwise.
DEFAULT_DEPLOYMENT_TYPE: Final = "global"
DEFAULT_SERVICE_TIER: Final = "standard"

#: Tokens without a price of their own that the providers bill as another bucket.
BILLED_AS: Final = {"reasoning": "output", "input_image": "input"}

type UnitPrices = tuple[int | None, ...]
"""List price by bucket, integer of 10^-12 currency units a token; None where there is none."""


class PriceRow(NamedTuple):
    """One row of one version: what a token of each bucket costs from `effective_from` on."""

    version: str
    currency: str
    channel: str
    model: str
    deployment_type: str
    region: str | None
    service_tier: str
    above_tokens: int | None
    """None, or the prompt size above which this row prices the whole request."""
    effective_from: Instant
    prices: UnitPrices

    @property
    def id(self) -> str:
        """The name that entries carry, e.g. `gpt-4.1/data_zone/eastus2/standard`."""
        parts = [self.model, self.deployment_type, self.region or "any", self.service_tier]
        if self.above_tokens is not None:
            parts.append(f"above-{self.above_tokens}")
        return "/".join(parts)


def _per_million(text: object) -> int:
    price = parse_fixed(text, PER_MILLION_DECIMALS)
    if price < 0:
        raise ValueError(f"{text!r} is negative")
    return price


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Origin(_Strict):
    source: str
    url: str
    retrieved: str
    via: str


class _FileRow(_Strict):
    model: str
    aliases: list[str]
    provider: str
    channel: Literal["microsoft", "marketplace"]
    deployment_type: Literal["global", "data_zone", "regional"]
    region: str | None
    service_tier: Literal["standard", "batch", "priority", "flex"]
    context_tier: Literal["long"] | None = None
    context_above_tokens: Annotated[int, Field(gt=0)] | None = None
    effective_from: Annotated[Instant, BeforeValidator(parse_instant)]
    per_million_tokens: dict[BucketName, Annotated[int, BeforeValidator(_per_million)]]
    meters: dict[str, str] = {}


class _File(_Strict):
    version: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    origin: _Origin
    prices: list[_FileRow]


class PriceBook:
    """All rows of all versions, found by name and dimension at an instant."""

    def __init__(self, named_rows: Iterable[tuple[str, PriceRow]]) -> None:
        """Index rows by name (model or alias); ConfigurationError where two claim one place."""
        self._rows: defaultdict[tuple[str, str, str], list[PriceRow]] = defaultdict(list)
        self.rows: dict[str, PriceRow] = {}
        starts: set[Instant] = set()
        for name, row in named_rows:
            places = self._rows[(name, row.deployment_type, row.service_tier)]
            for other in places:
                if _same_place(row, other):
                    raise ConfigurationError(
                        f"price book: {name} has two prices for {row.id} from the same instant"
                        f" ({other.version}: {other.model}, {row.version}: {row.model})"
                    )
            places.append(row)
            places.sort(key=lambda priced: priced.effective_from, reverse=True)
            self.rows[f"{row.version}:{row.id}@{row.effective_from}"] = row
            starts.add(row.effective_from)
        self.starts: tuple[Instant, ...] = tuple(sorted(starts))
        self.currencies = frozenset(row.currency for row in self.rows.values())

    def find(
        self,
        name: str,
        at: Instant,
        *,
        deployment_type: str | None = None,
        region: str | None = None,
        service_tier: str | None = None,
        long_context: bool = False,
    ) -> PriceRow | None:
        """Return the row in force at `at`: the one of the region first, then the one of any region.

        None means that the price is not known; it never means that it is zero.
        """
        key = (
            name,
            deployment_type or DEFAULT_DEPLOYMENT_TYPE,
            service_tier or DEFAULT_SERVICE_TIER,
        )
        fallback: PriceRow | None = None
        for row in self._rows.get(key, ()):
            if row.effective_from > at or (row.above_tokens is not None) is not long_context:
                continue
            if row.region is None:
                fallback = fallback or row
            elif row.region == region:
                return row
        return fallback

    def knows(self, name: str) -> bool:
        """Say whether any version prices something of this name (model or alias)."""
        return any(name == known for known, _, _ in self._rows)


def _same_place(row: PriceRow, other: PriceRow) -> bool:
    return (
        row.region == other.region
        and row.effective_from == other.effective_from
        and (row.above_tokens is None) == (other.above_tokens is None)
    )


def read_price_file(name: str, content: bytes) -> list[tuple[str, PriceRow]]:
    """Return the rows of one committed price file, once for each name they go by.

    `name` is the file's, for the message. Prices are quoted decimal strings in currency units per
    million tokens with at most six decimals; ConfigurationError names the place of anything else.
    """
    file = validated(_File, name, content)
    named: list[tuple[str, PriceRow]] = []
    for line in file.prices:
        if (line.context_tier is None) != (line.context_above_tokens is None):
            raise ConfigurationError(
                f"{name}: {line.model}: context_tier and context_above_tokens go together"
            )
        row = _row(file, line)
        named.extend((known_as, row) for known_as in (line.model, *line.aliases))
    return named


def _row(file: _File, line: _FileRow) -> PriceRow:
    prices: list[int | None] = [line.per_million_tokens.get(bucket) for bucket in BUCKETS]
    for bucket, other in BILLED_AS.items():
        if prices[INDEX[bucket]] is None:
            prices[INDEX[bucket]] = prices[INDEX[other]]
    return PriceRow(
        file.version,
        file.currency,
        line.channel,
        line.model,
        line.deployment_type,
        line.region,
        line.service_tier,
        line.context_above_tokens,
        line.effective_from,
        tuple(prices),
    )
