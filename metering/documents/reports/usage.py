"""Usage by day and dimension."""

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import Field

from metering.app.reports.read import LedgerRead
from metering.core.reports.breakdown import Row
from metering.documents.document import Document, format_optional
from metering.documents.ledger.figures import Figures, figures


class UsageRow(Figures):
    """Usage of one group."""

    group: Mapping[str, str | None] = Field(
        description="Values by dimension; null if the event did not name one.",
        examples=[{"day": "2026-11-20", "model": "gpt-4o"}],
    )

    @classmethod
    def of_row(cls, row: Row, group_by: Sequence[str]) -> Self:
        """Return a row of a breakdown as a document."""
        group = dict(zip(group_by, row.group, strict=True))
        return cls.model_validate({"group": group, **figures(row.line, row.amount)})


class LedgerPosition(Document):
    """The position up to which a ledger was read."""

    ledger: str = Field(examples=["acme|2026-11-01T00:00:00Z"])
    page: int = Field(description="The last page included.")
    last_commit: str | None = Field(description="When the last page was written.")
    rolled_up_page: int = Field(
        description="The last page read from the rollup; later ones were read page by page."
    )
    rolled_up_to: str | None = Field(
        description="When the last page that was read from the rollup was written."
    )

    @classmethod
    def of(cls, read: LedgerRead) -> Self:
        """Return the position of a read as a document."""
        return cls(
            ledger=str(read.ledger),
            page=read.page,
            last_commit=format_optional(read.committed or None),
            rolled_up_page=read.rolled_up,
            rolled_up_to=format_optional(read.rolled_up_to),
        )


class UsageDocument(Document):
    """A page of a tenant's usage over a range of days."""

    tenant: str
    first_day: str = Field(examples=["2026-11-01"])
    end_day: str = Field(description="The end of the range, exclusive.", examples=["2026-12-01"])
    group_by: list[str]
    as_of: str = Field(description="When this was read; earlier commits are included.")
    ledgers: list[LedgerPosition]
    items: list[UsageRow]
    next: str | None
