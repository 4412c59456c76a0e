"""Statements, whole and in lists."""

from operator import itemgetter
from typing import Any, Self

from pydantic import Field

from metering.app.billing.statements import Preview
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_paid
from metering.core.billing.statement import Statement
from metering.core.billing.statement_json import statement_json
from metering.documents.allocation import AccruedShareDocument
from metering.documents.document import Document, Time


class StatementSummary(Document):
    """A closed period in a list."""

    period: str = Field(examples=["2026-11"])
    start: str
    end: str
    number: int = Field(description="Consecutive number per tenant, starting at 1.")
    currency: str
    total: str = Field(description="Rounded to the minor unit of the currency.", examples=["12.50"])
    closed: str
    hash: str

    @classmethod
    def of(cls, one: Statement) -> Self:
        """Return a statement as an item of a list."""
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


class StatementsDocument(Document):
    """A tenant's statements, most recent first."""

    tenant: str
    items: list[StatementSummary]
    next: str | None


class ProvisionalShare(Document):
    """The shares of one deployment and month in a preview: the close decides."""

    deployment: str
    month: str
    as_of: Time = Field(description="Later hours and usage are not in them.")
    complete: bool = Field(description="False while usage of the deployment cannot be read.")


class StatementDocument(Document):
    """The amount that a tenant owes for a closed period, with its derivation."""

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
    from_cache: int = Field(description="Requests that a cache answered, at no charge.")
    open: dict[str, Any] = Field(description="Usage that was unsettled when the period closed.")
    billed: list[dict[str, Any]] = Field(description="The billed-through page of each ledger.")
    carried: dict[str, str]
    closed: str
    previous: str
    hash: str
    draft: bool = Field(description="True for a preview of a period that is still open.")
    provisional: list[ProvisionalShare] = Field(
        description="In a preview, the shares of provisioned capacity that may still change."
    )
    later: list[AccruedShareDocument] = Field(
        description="In a preview, the shares that accrue now and that a later statement bills."
    )

    @classmethod
    def of(cls, statement: Statement, *, is_draft: bool = False) -> Self:
        """Return a whole statement as a document."""
        return cls.model_validate(
            {**statement_json(statement), "draft": is_draft, "provisional": [], "later": []}
        )

    @classmethod
    def of_draft(cls, found: Preview) -> Self:
        """Return the draft of a statement as a document."""
        provisional = [
            {"deployment": name, "month": month, "as_of": one.at, "complete": not one.faults}
            for (name, month), one in sorted(found.provisional.items(), key=itemgetter(0))
        ]
        return cls.model_validate(
            {
                **statement_json(found.statement),
                "draft": True,
                "provisional": provisional,
                "later": found.later,
            }
        )
