"""Price rows with their states, sources and ages."""

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field

from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.prices.listed import ListedPrice
from metering.documents.document import Document, Time
from metering.documents.prices.changes import PerMillion, by_bucket


class ListedPriceDocument(Document):
    """A row of the price book."""

    row: str = Field(examples=["gpt-4o/global/any/standard"])
    state: str = Field(description="in_force, scheduled or replaced.")
    version: str
    model: str
    provider: str
    unit: str = Field(examples=["token"])
    currency: str
    start: Time
    end: Time | None = Field(description="When the next row replaces it; null: open.")
    per_million: Annotated[Mapping[str, PerMillion], BeforeValidator(by_bucket)] = Field(
        description="Prices by bucket, per million units."
    )
    per_million_before: Annotated[Mapping[str, PerMillion], BeforeValidator(by_bucket)] | None = (
        Field(description="Those of the row that it replaces; null for a first one.")
    )
    source: str = Field(description="The host or file that the prices come from.")
    retrieved: str | None = Field(description="The day on which they were read there.")
    age_days: int | None
    is_reported: bool = Field(description="Known from public reports, not from the seller.")

    @classmethod
    def of(cls, one: ListedPrice, now: Instant) -> Self:
        """Return a row as a document."""
        row, source = one.row, one.row.source
        read = source.retrieved
        return cls.model_validate(
            {
                **{name: getattr(row, name) for name in _SAME},
                "row": row.id,
                "state": one.state,
                "start": row.effective_from,
                "end": one.until,
                "per_million": row.prices,
                "per_million_before": None if one.before is None else one.before.prices,
                "source": source.name,
                "retrieved": None if read is None else format_instant(read)[:10],
                "age_days": None if read is None else max(0, now - read) // DAY,
                "is_reported": source.is_reported,
            }
        )


_SAME: Final = ("version", "model", "provider", "unit", "currency")
