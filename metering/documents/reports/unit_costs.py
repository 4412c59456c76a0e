"""Unit costs of outcomes by use case."""

from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import AliasPath, BeforeValidator, Field

from metering.app.reports.unit_economics import UnitCosts
from metering.core.calendars.periods import Period
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
            ledgers=[LedgerPosition.model_validate(one) for one in found.read],
            use_cases=[UseCaseDocument.of(case) for case in found.use_cases],
        )
