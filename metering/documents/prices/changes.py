"""Price rows, published versions and the changes between them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Self

from pydantic import Field

from metering.core.basics.instants import format_instant
from metering.core.basics.money import PRICE_DECIMALS, format_fixed
from metering.core.prices.price_book import PriceRow
from metering.core.prices.price_changes import BucketChange, Change
from metering.core.tenancy.directory import Record
from metering.core.usage.buckets import BUCKETS
from metering.documents.document import Document

_MILLION: Final = 1_000_000
_EXAMPLES: Final = 3


class PriceRowDocument(Document):
    """A row of the price book."""

    row: str
    version: str
    model: str
    deployment_type: str
    region: str | None
    service_tier: str
    above_tokens: int
    channel: str | None
    currency: str
    effective_from: str
    per_million_tokens: Mapping[str, str] = Field(description="Prices by bucket.")

    @classmethod
    def of(cls, row: PriceRow) -> Self:
        """Return a price row as a document."""
        return cls(
            row=row.id,
            version=row.version,
            model=row.model,
            deployment_type=row.deployment_type,
            region=row.region,
            service_tier=row.service_tier,
            above_tokens=row.above_tokens,
            channel=row.channel,
            currency=row.currency,
            effective_from=format_instant(row.effective_from),
            per_million_tokens={
                bucket: format_fixed(price * _MILLION, PRICE_DECIMALS)
                for bucket, price in zip(BUCKETS, row.prices, strict=True)
                if price is not None
            },
        )


class PriceVersion(Document):
    """A published version of prices."""

    version: str
    published: str
    sha256: str

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return a published version as a document."""
        return cls(
            version=record.key, published=format_instant(record.recorded), sha256=record.value
        )


class BucketChangeDocument(Document):
    """The old and the new price of a bucket, per million units."""

    old: str | None
    new: str | None
    ratio: str | None = Field(description="New over old, to four significant digits.")

    @classmethod
    def of(cls, bucket: BucketChange) -> Self:
        """Return the change of a bucket as a document."""
        ratio = bucket.ratio
        return cls(
            old=_per_million(bucket.old),
            new=_per_million(bucket.new),
            ratio=None
            if ratio is None
            else f"{Decimal(ratio.numerator) / Decimal(ratio.denominator):.4g}",
        )


def _per_million(price: int | None) -> str | None:
    return None if price is None else format_fixed(price * _MILLION, PRICE_DECIMALS)


class PriceChangeDocument(Document):
    """A price row that a version changes."""

    kind: str
    row: str
    effective_from: str
    old_version: str | None
    buckets: Mapping[str, BucketChangeDocument]

    @classmethod
    def of(cls, change: Change) -> Self:
        """Return the change of a row as a document."""
        return cls(
            kind=change.kind,
            row=change.row.id,
            effective_from=format_instant(change.row.effective_from),
            old_version=None if change.old is None else change.old.version,
            buckets={bucket.bucket: BucketChangeDocument.of(bucket) for bucket in change.buckets},
        )


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
