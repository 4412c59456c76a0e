"""What outcomes cost, by use case."""

from typing import Self

from pydantic import Field

from metering.api.shapes.plain import Shape
from metering.api.shapes.usage import ReadFrom
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


class CostOfOutcome(Shape):
    """What one kind of outcome of a use case costs."""

    outcome: str | None = Field(examples=["ticket_resolved"])
    count: int
    cost_per_outcome: str | None = Field(description="Null where it is not known.")
    target: str | None
    status: str = Field(examples=["on_target"])

    @classmethod
    def of(cls, one: OutcomeCost) -> Self:
        """Return the cost of an outcome."""
        return cls(
            outcome=one.outcome,
            count=one.number,
            cost_per_outcome=None if one.cost is None else shown_cost(one.cost),
            target=None if one.target is None else one.target.cost,
            status=one.status.value,
        )


class CostOfUseCase(Shape):
    """What a use case used, how well its prompts do, and what its outcomes cost."""

    use_case: str | None
    amount: str | None = Field(description="Null where no amount is known.")
    is_at_least: bool = Field(description="Whether a part of the cost is not known.")
    requests: int
    unpriced: int
    missing: int
    input_tokens: int
    output_tokens: int
    cost_per_request: str | None
    cache_hit_ratio: str | None = Field(description="Of input tokens, those that a cache had.")
    output_ratio: str | None = Field(description="Output tokens for one of input.")
    outcomes: list[CostOfOutcome]

    @classmethod
    def of(cls, case: UseCase) -> Self:
        """Return the costs of a use case."""
        request, hits, output = case.cost_per_request, case.cache_hit_ratio, case.output_ratio
        return cls(
            use_case=case.name,
            amount=None if case.line.is_unknown else format_amount(case.amount),
            is_at_least=case.is_at_least,
            requests=case.line.requests,
            unpriced=case.line.unpriced,
            missing=case.line.missing,
            input_tokens=case.input_tokens,
            output_tokens=case.output_tokens,
            cost_per_request=None if request is None else shown_cost(request),
            cache_hit_ratio=None if hits is None else shown(hits, RATIO_DECIMALS),
            output_ratio=None if output is None else shown(output, RATIO_DECIMALS),
            outcomes=[CostOfOutcome.of(one) for one in case.outcomes],
        )


class UnitCostsOfPeriod(Shape):
    """A tenant's use cases in a period, beside the targets of its plan."""

    tenant: str
    period: str
    currency: str
    ledgers: list[ReadFrom]
    items: list[CostOfUseCase]

    @classmethod
    def of(cls, tenant: str, period: Period, found: UnitCosts) -> Self:
        """Return unit costs."""
        return cls(
            tenant=tenant,
            period=period.name,
            currency=found.currency,
            ledgers=[ReadFrom.of(one) for one in found.read],
            items=[CostOfUseCase.of(case) for case in found.use_cases],
        )
