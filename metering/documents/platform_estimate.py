"""Aggregates beside the platform's own estimate of their cost."""

from typing import Self

from pydantic import Field

from metering.core.basics.money import Amount, format_amount
from metering.core.reconciliation.variance import CURRENCY, Cell, Line, Variance
from metering.documents.document import Document
from metering.documents.left_out import LeftOutLedger


class VarianceLine(Document):
    """One UTC day and model."""

    day: str
    model: str
    tokens: int
    unpriced_tokens: int = Field(description="Tokens without a price here: not in `ours`.")
    ours: str = Field(description="The priced tokens at list price.")
    estimate: str | None = Field(description="The platform's estimate; null if it exported none.")
    difference: str | None = Field(description="The estimate less ours; null without an estimate.")
    price_missing: int = Field(
        description="Points whose price the platform did not know: in no estimate."
    )

    @classmethod
    def of(cls, cell: Cell, line: Line) -> Self:
        """Return a line as a document."""
        return cls(
            day=cell.day,
            model=cell.model,
            tokens=line.tokens,
            unpriced_tokens=line.unpriced_tokens,
            ours=format_amount(line.ours),
            estimate=_text(line.estimate),
            difference=_text(line.difference),
            price_missing=line.price_missing,
        )


class VarianceDocument(Document):
    """All days and models."""

    currency: str = CURRENCY
    lines: list[VarianceLine]
    ours: str
    estimate: str | None
    left_out: list[LeftOutLedger]

    @classmethod
    def of(cls, variance: Variance, left_out: list[LeftOutLedger]) -> Self:
        """Return a comparison as a document."""
        lines = variance.sorted()
        estimates = [line.estimate for _, line in lines if line.estimate is not None]
        return cls(
            lines=[VarianceLine.of(*one) for one in lines],
            ours=format_amount(sum(line.ours for _, line in lines)),
            estimate=_text(sum(estimates)) if estimates else None,
            left_out=left_out,
        )


def _text(amount: Amount | None) -> str | None:
    return None if amount is None else format_amount(amount)
