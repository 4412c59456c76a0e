"""Coverage of the price book, the age of its sources, and requests without a price."""

from pydantic import Field

from metering.core.basics.instants import format_instant
from metering.core.prices.coverage import Covered, SourceAge
from metering.documents.document import Document, Name, Time


class CoveredModel(Document):
    """A model, and the ways in which it has a price."""

    model: str
    priced: bool = Field(description="Whether a request has a price in any way.")
    ways: list[str] = Field(description="Deployment types and service tiers with a price.")
    by_region: list[str] = Field(description="Ways whose price depends on the region.")
    reported: bool = Field(description="Whether the price is known from public reports.")
    reason: str | None = Field(description="Why a global standard request has no price.")

    @classmethod
    def of(cls, one: Covered) -> "CoveredModel":
        """Return a model's coverage as a document."""
        return cls(
            model=one.model,
            priced=bool(one.ways),
            ways=list(one.ways),
            by_region=list(one.by_region),
            reported=one.is_reported,
            reason=one.why,
        )


class LeftOutMeters(Document):
    """Meters of the feed without a price row, for one reason."""

    reason: str
    meters: int
    examples: list[str]


class PriceSourceAge(Document):
    """A source of prices, and the last day on which it was read."""

    source: str
    rows: int
    retrieved: str | None
    age_days: int | None
    old: bool

    @classmethod
    def of(cls, age: SourceAge) -> "PriceSourceAge":
        """Return a source's age as a document."""
        return cls(
            source=age.name,
            rows=age.rows,
            retrieved=None if age.retrieved is None else format_instant(age.retrieved)[:10],
            age_days=age.days,
            old=age.is_old,
        )


class CoverageDocument(Document):
    """The models that Azure lists, priced or not, and why."""

    models: list[CoveredModel]
    left_out: list[LeftOutMeters] = Field(description="Most frequent reason first.")
    sources: list[PriceSourceAge]


class UnpricedUsage(Document):
    """Requests of one ledger that have no price for one reason."""

    ledger: Name
    model: str | None
    reason: str
    requests: int
    last_seen: Time
