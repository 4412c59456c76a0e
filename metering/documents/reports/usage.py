"""Usage by day and dimension."""

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import Field

from metering.core.basics.money import Amount
from metering.core.reports.breakdown import Row
from metering.documents.document import Document, Money, Name, Time
from metering.documents.ledger.figures import Figures, figures


class UsageRow(Figures):
    """Usage of one group."""

    group: Mapping[str, str | None] = Field(
        description="Values by dimension; null if the event did not name one.",
        examples=[{"day": "2026-11-20", "model": "gpt-4o"}],
    )

    provisioned: Money | None = Field(
        None,
        description="Of `metering usage --group-by deployment`: the accrued share, provisional and"
        " not in the amount.",
    )

    @classmethod
    def of_row(
        cls, row: Row, group_by: Sequence[str], provisioned: Mapping[str, Amount] | None = None
    ) -> Self:
        """Return a row of a breakdown as a document; `provisioned` is by deployment."""
        group = dict(zip(group_by, row.group, strict=True))
        name = group.get("deployment") if tuple(group_by) == ("deployment",) else None
        accrued = None if name is None else (provisioned or {}).get(name.casefold())
        return cls.model_validate(
            {"group": group, "provisioned": accrued, **figures(row.line, row.amount)}
        )


class LedgerPosition(Document):
    """The position up to which a ledger was read."""

    ledger: Name = Field(examples=["acme|2026-11-01T00:00:00Z"])
    page: int = Field(description="The last page included.")
    last_commit: Time | None = Field(
        validation_alias="committed", description="When the last page was written."
    )
    rolled_up_page: int = Field(
        validation_alias="rolled_up",
        description="The last page read from the rollup; later ones were read page by page.",
    )
    rolled_up_to: Time | None = Field(
        description="When the last page that was read from the rollup was written."
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
