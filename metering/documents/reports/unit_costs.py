"""Unit costs of outcomes by use case."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import AliasPath, BeforeValidator, Field

from metering.app.costs.costs import CostReport
from metering.app.reports.unit_economics import UnitCosts
from metering.core.basics.instants import format_instant
from metering.core.calendars.periods import Period
from metering.core.costs.sums import CostRow
from metering.core.reports.unit_economics import (
    RATIO_DECIMALS,
    UseCase,
    shown,
    shown_cost,
)
from metering.documents.document import Document, Money
from metering.documents.reports.usage import LedgerPosition


def _cost(value: Any) -> Any:
    return shown_cost(value) if isinstance(value, Fraction) else value


def _ratio(value: Any) -> Any:
    return shown(value, RATIO_DECIMALS) if isinstance(value, Fraction) else value


Cost = Annotated[str, BeforeValidator(_cost)]
Ratio = Annotated[str, BeforeValidator(_ratio)]


class OutcomeCostDocument(Document):
    """The unit cost of one kind of outcome."""

    outcome: str | None = Field(examples=["ticket_resolved"])
    count: int = Field(validation_alias="number")
    cost_per_outcome: Cost | None = Field(
        validation_alias="cost", description="Null if the cost is not known."
    )
    target: str | None = Field(None, validation_alias=AliasPath("target", "cost"))
    status: str = Field(examples=["on_target"])


class UseCaseDocument(Document):
    """Usage, prompt efficiency and outcome costs of one use case."""

    use_case: str | None = Field(validation_alias="name")
    amount: Money | None = Field(description="Null if no price is known.")
    is_at_least: bool = Field(description="True if part of the cost is not known.")
    requests: int = Field(validation_alias=AliasPath("line", "requests"))
    unpriced: int = Field(validation_alias=AliasPath("line", "unpriced"))
    missing: int = Field(validation_alias=AliasPath("line", "missing"))
    totals_only: int = Field(validation_alias=AliasPath("line", "totals_only"))
    not_billable: int = Field(validation_alias=AliasPath("line", "not_billable"))
    from_cache: int = Field(0, validation_alias=AliasPath("line", "from_cache"))
    input_tokens: int
    output_tokens: int
    cost_per_request: Cost | None
    cache_hit_ratio: Ratio | None = Field(
        description="The share of input tokens read from a cache."
    )
    output_ratio: Ratio | None = Field(description="Output tokens per input token.")
    outcomes: list[OutcomeCostDocument]

    @classmethod
    def of(cls, case: UseCase) -> Self:
        """Return the costs of a use case as a document."""
        found = cls.model_validate(case)
        return found.model_copy(update={"amount": None}) if case.line.is_unknown else found


class EfficiencyDocument(Document):
    """Usage and prompt efficiency of one group, with its share of provisioned hours."""

    group: Mapping[str, str | None] = Field(examples=[{"week": "2026-11-16", "model": "gpt-4o"}])
    currency: str
    amount: Money = Field(validation_alias="usage", description="The requests' own amounts.")
    hours: Money = Field(
        validation_alias="billed", description="Hours of deployments, allocated by usage."
    )
    requests: int
    not_billable: int
    unpriced: int
    missing: int
    input_tokens: int
    cached_tokens: int
    tokens: int
    cost_per_request: Cost | None = Field(
        validation_alias="per_request", description="Of amount and hours."
    )
    cache_hit_ratio: Ratio | None
    output_ratio: Ratio | None

    @classmethod
    def of(cls, row: CostRow, by: tuple[str, ...]) -> Self:
        """Return a group as a document; it says nothing of what the company pays."""
        group = dict(zip(by, row.group, strict=True))
        figures = {
            name: getattr(row.sums, str(field.validation_alias or name))
            for name, field in cls.model_fields.items()
            if name not in {"group", "currency"}
        }
        return cls.model_validate({"group": group, "currency": row.currency, **figures})


class EfficiencyReport(Document):
    """A tenant's usage and prompt efficiency by other dimensions than the use case."""

    tenant: str
    first_day: str
    end_day: str
    by: list[str]
    as_of: str
    incomplete: list[str] = Field(
        description="Deployments whose hours are divided without usage that cannot be read."
    )
    items: list[EfficiencyDocument]

    @classmethod
    def of(cls, tenant: str, report: CostReport) -> Self:
        """Return an answer about one tenant as a document."""
        query = report.query
        rows = [row for row in report.rows if row.sums.requests]
        return cls(
            tenant=tenant,
            first_day=query.days.first,
            end_day=query.days.end,
            by=list(query.by),
            as_of=format_instant(report.as_of),
            incomplete=list(report.incomplete),
            items=[EfficiencyDocument.of(row, query.by) for row in rows],
        )


class UnitCostsDocument(Document):
    """A tenant's use cases in a period, compared with the targets of its plan."""

    tenant: str
    period: str
    currency: str
    ledgers: list[LedgerPosition]
    use_cases: list[UseCaseDocument] = Field(description="By name; the unnamed one comes first.")
    next: str | None = Field(None, description="The cursor of the next page, over HTTP.")

    @classmethod
    def of(cls, tenant: str, period: Period, found: UnitCosts) -> Self:
        """Return unit costs as a document."""
        return cls(
            tenant=tenant,
            period=period.name,
            currency=found.currency,
            ledgers=[LedgerPosition.model_validate(one) for one in found.read],
            use_cases=[UseCaseDocument.of(case) for case in found.use_cases],
        )
