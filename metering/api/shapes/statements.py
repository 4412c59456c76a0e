"""Statements in lists. A whole one looks as `metering statement --json` prints it."""

from typing import Any

from pydantic import Field

from metering.api.shapes.plain import Shape
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_paid
from metering.core.billing.statement import Statement


class StatementListed(Shape):
    """A closed period in a list."""

    period: str = Field(examples=["2026-11"])
    start: str
    end: str
    number: int = Field(description="Of the tenant's statements, from 1 on.")
    currency: str
    total: str = Field(description="To the minor unit of the currency.", examples=["12.50"])
    closed: str
    hash: str

    @classmethod
    def of(cls, one: Statement) -> "StatementListed":
        """Return a statement as a row."""
        return cls(
            period=one.period.name,
            start=format_instant(one.period.start),
            end=format_instant(one.period.end),
            number=one.number,
            currency=one.currency,
            total=format_paid(one.total, one.currency),
            closed=format_instant(one.closed),
            hash=one.hash,
        )


class StatementsOfTenant(Shape):
    """A tenant's statements, the latest first."""

    tenant: str
    items: list[StatementListed]
    next: str | None


class StatementShown(Shape):
    """What a tenant owes for a closed period, and all that it follows from."""

    tenant: str
    period: str
    start: str
    end: str
    number: int
    currency: str
    total: str
    lines: list[dict[str, Any]]
    plan: str
    price_versions: list[str]
    provenance: dict[str, int]
    open: dict[str, Any] = Field(description="What was not settled when the period was closed.")
    billed: list[dict[str, Any]] = Field(description="Up to which page of each ledger.")
    carried: dict[str, str]
    closed: str
    previous: str
    hash: str
