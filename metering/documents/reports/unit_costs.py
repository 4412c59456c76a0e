"""Unit costs of outcomes by use case."""

from typing import Self

from pydantic import Field

from metering.app.reports.unit_economics import UnitCosts
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import Period
from metering.core.reports.unit_economics import (
    RATIO_DECIMALS,
    OutcomeCost,
    UseCase,
    shown,
    shown_cost,
)
from metering.documents.document import Document
from metering.documents.reports.usage import LedgerPosition


class OutcomeCostDocument(Document):
    """The unit cost of one kind of outcome."""

    outcome: str | None = Field(examples=["ticket_resolved"])
    count: int
    cost_per_outcome: str | None = Field(description="Null if the cost is not known.")
    target: str | None
    status: str = Field(examples=["on_target"])

    @classmethod
    def of(cls, one: OutcomeCost) -> Self:
        """Return the cost of an outcome as a document."""
        return cls(
            outcome=one.outcome,
            count=one.number,
            cost_per_outcome=None if one.cost is None else shown_cost(one.cost),
            target=None if one.target is None else one.target.cost,
            status=one.status.value,
        )


class UseCaseDocument(Document):
    """Usage, prompt efficiency and outcome costs of one use case."""

    use_case: str | None
    amount: str | None = Field(description="Null if no price is known.")
    is_at_least: bool = Field(description="True if part of the cost is not known.")
    requests: int
    unpriced: int
    missing: int
    totals_only: int
    not_billable: int
    input_tokens: int
    output_tokens: int
    cost_per_request: str | None
    cache_hit_ratio: str | None = Field(description="The share of input tokens read from a cache.")
    output_ratio: str | None = Field(description="Output tokens per input token.")
    outcomes: list[OutcomeCostDocument]

    @classmethod
    def of(cls, case: UseCase) -> Self:
        """Return the costs of a use case as a document."""
        request, hits, output = case.cost_per_request, case.cache_hit_ratio, case.output_ratio
        return cls(
            use_case=case.name,
            amount=None if case.line.is_unknown else format_amount(case.amount),
            is_at_least=case.is_at_least,
            requests=case.line.requests,
            unpriced=case.line.unpriced,
            missing=case.line.missing,
            totals_only=case.line.totals_only,
            not_billable=case.line.not_billable,
            input_tokens=case.input_tokens,
            output_tokens=case.output_tokens,
            cost_per_request=None if request is None else shown_cost(request),
            cache_hit_ratio=None if hits is None else shown(hits, RATIO_DECIMALS),
            output_ratio=None if output is None else shown(output, RATIO_DECIMALS),
            outcomes=[OutcomeCostDocument.of(one) for one in case.outcomes],
        )


class UnitCostsDocument(Document):
    """A tenant's use cases in a period, compared with the targets of its plan."""

    tenant: str
    period: str
    currency: str
    ledgers: list[LedgerPosition]
    use_cases: list[UseCaseDocument]

    @classmethod
    def of(cls, tenant: str, period: Period, found: UnitCosts) -> Self:
        """Return unit costs as a document."""
        return cls(
            tenant=tenant,
            period=period.name,
            currency=found.currency,
            ledgers=[LedgerPosition.of(one) for one in found.read],
            use_cases=[UseCaseDocument.of(case) for case in found.use_cases],
        )
