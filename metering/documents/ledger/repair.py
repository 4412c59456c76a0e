"""Repairs of ledgers: what a ledger needs, or needed."""

from pydantic import Field

from metering.app.ledger.repair import Findings
from metering.core.basics.instants import format_instant
from metering.core.calendars.periods import LedgerId
from metering.documents.document import Document


class LedgerRepair(Document):
    """The repairs one ledger needs to hold again."""

    ledger: str
    holds: bool = Field(description="True if there is nothing to repair.")
    pages: int = Field(description="Pages that hold, from the first on.")
    committed: str | None = Field(description="Time of the last page that holds.")
    restored: int = Field(description="Pages whose rounded counts are restored.")
    set_aside: int = Field(description="Pages and effects beyond the last page that holds.")
    damaged: str | None = Field(description="Why the page after the last one does not hold.")

    @classmethod
    def of(cls, ledger: LedgerId, found: Findings) -> "LedgerRepair":
        """Return the findings of one ledger as a document."""
        head = found.head
        return cls(
            ledger=str(ledger),
            holds=found.is_sound,
            pages=head.pages,
            committed=format_instant(head.committed) if head.pages else None,
            restored=len(found.restored),
            set_aside=len(found.beyond),
            damaged=found.damaged or None,
        )
