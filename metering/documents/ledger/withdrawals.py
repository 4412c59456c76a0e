"""Entries that count twice, and those that were taken back."""

from typing import Self

from metering.app.ledger.withdraw import DoubleCount, Withdrawn
from metering.core.ledger.withdrawal import Active
from metering.documents.document import Document, Money, Time


class CountedEntry(Document):
    """An entry that counts, or counted until it was taken back."""

    ledger: str
    page: int
    row: int
    committed: Time
    amount: Money | None

    @classmethod
    def of(cls, active: Active) -> Self:
        """Return an entry as a document."""
        return cls(
            ledger=str(active.ledger),
            page=active.at.page,
            row=active.at.row,
            committed=active.committed,
            amount=active.entry.state.amount,
        )


class DoubleCountDocument(Document):
    """An identity that counts more than once."""

    type: str
    source: str
    id: str
    kept: CountedEntry
    withdrawn: list[CountedEntry]

    @classmethod
    def of(cls, double: DoubleCount) -> Self:
        """Return an identity as a document."""
        kind, source, id_ = double.key
        taken = [CountedEntry.of(one) for one in double.taken]
        return cls(
            type=kind, source=source, id=id_, kept=CountedEntry.of(double.kept), withdrawn=taken
        )


class WithdrawnDocument(Document):
    """The result of `metering withdraw`."""

    found: list[DoubleCountDocument]
    withdrawn: int

    @classmethod
    def of(cls, done: Withdrawn) -> Self:
        """Return the result as a document."""
        return cls(
            found=[DoubleCountDocument.of(one) for one in done.found], withdrawn=done.withdrawn
        )
