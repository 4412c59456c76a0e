"""The parts of a plan: overrides, and terms applied to the totals of a period."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from metering.core.basics.money import (
    AMOUNT_DECIMALS,
    MULTIPLIER_DECIMALS,
    PER_MILLION_DECIMALS,
    Amount,
    format_fixed,
    parse_fixed,
    parse_not_negative,
)
from metering.core.basics.validation import Strict, misplaced
from metering.core.usage.buckets import BUCKETS, BucketName

#: A price unchanged, as a multiplier: integer of 10^-6.
UNCHANGED: Final[int] = 10**MULTIPLIER_DECIMALS
#: Amounts have more decimals than list prices: those of the multipliers.
_PER_PRICE_UNIT: Final[int] = UNCHANGED
#: Most terms of a kind in one plan: more is a mistake, and each is evaluated for each rate.
MAX_TERMS: Final = 1_000
#: Far above any period's tokens, and exact in every store (below 2^53).
MAX_COUNT: Final = 10**15
#: The bucket of units other than tokens (a query, a search), in no price "of all tokens".
TOKEN_BUCKETS: Final = frozenset[str](BUCKETS) - {"quantity"}


def _not_negative(text: object, decimals: int) -> str:
    return format_fixed(parse_not_negative(text, decimals), decimals)


def _money(text: object) -> str:
    return _not_negative(text, AMOUNT_DECIMALS)


def _per_million(text: object) -> str:
    return _not_negative(text, PER_MILLION_DECIMALS)


def _multiplier(text: object) -> str:
    return _not_negative(text, MULTIPLIER_DECIMALS)


def _markup(text: object) -> str:
    value = parse_fixed(text, MULTIPLIER_DECIMALS)
    if value < -UNCHANGED:
        raise ValueError(f"{text!r} would make the price negative")
    return format_fixed(value, MULTIPLIER_DECIMALS)


type Money = Annotated[str, BeforeValidator(_money)]
"""A decimal string in currency units, not negative."""
type PricePerMillion = Annotated[str, BeforeValidator(_per_million)]
"""A decimal string in currency units per million, at most 6 decimals, not negative."""
type Multiplier = Annotated[str, BeforeValidator(_multiplier)]
"""A decimal string, at most 6 decimals, not negative: `"0.5"` is half."""
type Markup = Annotated[str, BeforeValidator(_markup)]
"""A decimal string: `"0.15"` is 15 %, `"-0.05"` a discount."""
type ModelName = Annotated[str, Field(min_length=1, max_length=256)]
type Listed[T] = Annotated[tuple[T, ...], Field(strict=False, max_length=MAX_TERMS)]
"""A list in the file, a tuple in memory: a plan never changes."""


def price_of(per_million: str) -> Amount:
    """Return a price per million as one per token: integer of 10^-18 currency units."""
    return parse_fixed(per_million, PER_MILLION_DECIMALS) * _PER_PRICE_UNIT


def multiplier_of(markup: str) -> int:
    """Return one plus a markup: integer of 10^-6."""
    return UNCHANGED + parse_fixed(markup, MULTIPLIER_DECIMALS)


class Meter(Strict):
    """Usage by model, bucket or both. Other meters than tokens use their name as `model`."""

    model: ModelName | None = None
    bucket: BucketName | None = None

    @model_validator(mode="after")
    def _names_something(self) -> "Meter":
        return _named(self)

    def covers(self, model: str | None, bucket: str) -> bool:
        """Say whether usage of a model in a bucket is meant."""
        return self.model in {None, model} and self.bucket in {None, bucket}

    def overlaps(self, other: "Meter") -> bool:
        """Return whether both can cover the same usage."""
        return (None in {self.model, other.model} or self.model == other.model) and (
            None in {self.bucket, other.bucket} or self.bucket == other.bucket
        )


class Override(Strict):
    """Another markup, or a final price, for a model, a bucket or a bucket of a model."""

    model: ModelName | None = None
    bucket: BucketName | None = None
    markup: Markup | None = None
    price_per_million: PricePerMillion | None = None

    @model_validator(mode="after")
    def _names_something(self) -> "Override":
        return _named(self)

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Override":
        if (self.markup is None) == (self.price_per_million is None):
            raise ValueError("give either markup or price_per_million")
        return self

    def covers(self, model: str | None, bucket: str) -> bool:
        """Say whether usage of a model in a bucket is meant."""
        return self.model in {None, model} and self.bucket in {None, bucket}

    @property
    def rank(self) -> tuple[bool, bool]:
        """The specificity: of several that cover the same usage, the highest wins."""
        return self.model is not None, self.bucket is not None


def _named[M: (Meter, Override)](meter: M) -> M:
    if meter.model is None and meter.bucket is None:
        raise ValueError("names neither a model nor a bucket")
    return meter


def _distinct(meters: tuple[Meter, ...]) -> tuple[Meter, ...]:
    for place, meter in enumerate(meters):
        if meter in meters[:place]:
            raise misplaced((place,), "is named twice")
    return meters


type Meters = Annotated[Listed[Meter], Field(min_length=1), AfterValidator(_distinct)]
"""The usage a term covers, in the order written, without duplicates."""


class Allowance(Strict):
    """The allowance of a period: a number of tokens, or an amount of usage."""

    tokens: Annotated[int, Field(gt=0, le=MAX_COUNT)] | None = None
    amount: Money | None = None
    meters: Meters | None = None
    """The tokens that are free, in the order of use; None: all tokens."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Allowance":
        if (self.tokens is None) == (self.amount is None):
            raise ValueError("give either tokens or amount")
        if self.amount is not None and self.meters is not None:
            raise misplaced(("meters",), "an amount is for all usage: leave meters out")
        return self


class Step(Strict):
    """One step of a tier: the price of a token up to this count (inclusive)."""

    up_to: Annotated[int, Field(gt=0, le=MAX_COUNT)] | None
    price_per_million: PricePerMillion


def _ascending(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    reached = 0
    for place, step in enumerate(steps[:-1]):
        if step.up_to is None:
            raise misplaced((place, "up_to"), "only the last step is open (null)")
        if step.up_to <= reached:
            raise misplaced((place, "up_to"), f"{step.up_to} is not above {reached}")
        reached = step.up_to
    if steps[-1].up_to is not None:
        raise misplaced((len(steps) - 1, "up_to"), "the last step must be open: write null")
    return steps


class Tier(Strict):
    """Prices by the token count of a period: by step, or one step's price for all tokens."""

    mode: Literal["graduated", "volume"]
    meters: Meters
    steps: Annotated[Listed[Step], Field(min_length=1), AfterValidator(_ascending)]

    def covers(self, model: str | None, bucket: str) -> bool:
        """Say whether this takes the place of the amount of a model's usage in a bucket."""
        return any(meter.covers(model, bucket) for meter in self.meters)


class Package(Strict):
    """Tokens sold in packages: a partly used package is charged in full."""

    meters: Meters
    size: Annotated[int, Field(gt=0, le=MAX_COUNT)]
    price: Money

    def covers(self, model: str | None, bucket: str) -> bool:
        """Say whether this takes the place of the amount of a model's usage in a bucket."""
        return any(meter.covers(model, bucket) for meter in self.meters)
