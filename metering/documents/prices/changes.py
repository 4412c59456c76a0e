"""Price rows, published versions and the changes between them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import AliasPath, BeforeValidator, Field

from metering.core.basics.money import PRICE_DECIMALS, format_fixed
from metering.core.prices.price_changes import BucketChange
from metering.core.usage.buckets import BUCKETS
from metering.documents.document import Document, Time

_MILLION: Final = 1_000_000
_EXAMPLES: Final = 3


def _per_million(price: Any) -> Any:
    return format_fixed(price * _MILLION, PRICE_DECIMALS) if isinstance(price, int) else price


def by_bucket(prices: Sequence[int | None]) -> dict[str, int]:
    """Return prices by the bucket that has one."""
    named = zip(BUCKETS, prices, strict=True)
    return {bucket: price for bucket, price in named if price is not None}


PerMillion = Annotated[str, BeforeValidator(_per_million)]


class PriceRowDocument(Document):
    """A row of the price book."""

    row: str = Field(validation_alias="id")
    version: str
    model: str
    deployment_type: str
    region: str | None
    service_tier: str
    above_tokens: int | None
    channel: str | None
    currency: str
    effective_from: Time
    per_million_tokens: Annotated[Mapping[str, PerMillion], BeforeValidator(by_bucket)] = Field(
        validation_alias="prices", description="Prices by bucket."
    )


class PriceVersion(Document):
    """A published version of prices."""

    version: str = Field(validation_alias="key")
    published: Time = Field(validation_alias="recorded")
    sha256: str = Field(validation_alias="value")


def _ratio(ratio: Any) -> Any:
    if not isinstance(ratio, Fraction):
        return ratio
    return f"{Decimal(ratio.numerator) / Decimal(ratio.denominator):.4g}"


def _named(buckets: Sequence[BucketChange]) -> dict[str, BucketChange]:
    return {bucket.bucket: bucket for bucket in buckets}


class BucketChangeDocument(Document):
    """The old and the new price of a bucket, per million units."""

    old: PerMillion | None
    new: PerMillion | None
    ratio: Annotated[str | None, BeforeValidator(_ratio)] = Field(
        description="New over old, to four significant digits."
    )


class PriceChangeDocument(Document):
    """A price row that a version changes."""

    kind: str
    row: str = Field(validation_alias=AliasPath("row", "id"))
    effective_from: Time = Field(validation_alias=AliasPath("row", "effective_from"))
    old_version: str | None = Field(None, validation_alias=AliasPath("old", "version"))
    buckets: Annotated[Mapping[str, BucketChangeDocument], BeforeValidator(_named)]


class PublishedPrices(Document):
    """A version of prices that is in force."""

    version: str
    changes: list[PriceChangeDocument] = Field(
        description="Empty if the version was published before."
    )


class SkippedRows(Document):
    """Rows of a price source that were not imported for one reason."""

    reason: str
    count: int
    examples: list[str]


class PriceImportDocument(Document):
    """A price source compared with the price book."""

    version: str
    counts: Mapping[str, int] = Field(description="Rows by kind of change.")
    refused: list[str] = Field(
        description="The reasons for which an import without further options is refused."
    )
    implausible: list[str] = Field(description="Rows whose price changed a hundredfold.")
    changes: list[PriceChangeDocument]
    skipped: int
    skipped_by_reason: list[SkippedRows] = Field(description="Most frequent reason first.")


def skipped_by_reason(skipped: Sequence[tuple[str, str]]) -> list[SkippedRows]:
    """Group skipped rows, given as (name, reason), by reason: the most frequent first."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, reason in skipped:
        groups[reason].append(name)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [
        SkippedRows(reason=reason, count=len(names), examples=names[:_EXAMPLES])
        for reason, names in ordered
    ]


class ProposalDocument(Document):
    """Fresh prices that are not published yet."""

    name: str | None = Field(description="Null if nothing is proposed.")
    version: str | None
    refused: list[str] = Field(description="The reasons for which publishing them needs consent.")
    changes: list[PriceChangeDocument]
