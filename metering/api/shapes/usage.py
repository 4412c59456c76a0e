"""Usage by day and dimension."""

from collections.abc import Mapping

from pydantic import Field

from metering.api.shapes.figures import Figures
from metering.api.shapes.plain import Shape
from metering.app.reports.read import LedgerRead
from metering.core.basics.instants import format_instant


class UsageRow(Figures):
    """The usage of one group."""

    group: Mapping[str, str | None] = Field(
        description="By name; null where an event did not say.",
        examples=[{"day": "2026-11-20", "model": "gpt-4o"}],
    )


class ReadFrom(Shape):
    """A ledger that the answer was taken from."""

    ledger: str = Field(examples=["acme|2026-11-01T00:00:00Z"])
    page: int = Field(description="The last page that is in the answer.")
    rolled_up_to: int = Field(description="Up to which page it came from the rollup.")
    last_commit: str | None

    @classmethod
    def of(cls, read: LedgerRead) -> "ReadFrom":
        """Return what was read."""
        return cls(
            ledger=str(read.ledger),
            page=read.page,
            rolled_up_to=read.rolled_up,
            last_commit=format_instant(read.committed) if read.committed else None,
        )


class UsageOfDays(Shape):
    """A tenant's usage on some days, in pages."""

    tenant: str
    first_day: str = Field(examples=["2026-11-01"])
    end_day: str = Field(description="The day after the last.", examples=["2026-12-01"])
    group_by: list[str]
    as_of: str = Field(description="When this was read: what was committed before is in it.")
    ledgers: list[ReadFrom]
    items: list[UsageRow]
    next: str | None
