"""Proofs of ledgers, statements and allocated costs."""

from typing import Self

from metering.app.billing.statements import StatementVerdict
from metering.app.reports.verify import Verdict
from metering.core.allocation.allocation import Allocation
from metering.core.basics.money import format_amount
from metering.documents.document import Document


class LedgerProof(Document):
    """The result of verifying a ledger."""

    ledger: str
    holds: bool
    pages: int
    entries: int
    amount: str
    last_hash: str
    faults: list[str]

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Return a verdict as a document."""
        return cls(
            ledger=str(verdict.ledger),
            holds=not verdict.faults,
            pages=verdict.pages,
            entries=verdict.entries,
            amount=format_amount(verdict.amount),
            last_hash=verdict.last_hash,
            faults=list(verdict.faults),
        )


class StatementProof(Document):
    """The result of deriving a statement again."""

    statement: str
    period: str
    holds: bool
    total: str
    faults: list[str]

    @classmethod
    def of(cls, verdict: StatementVerdict) -> Self:
        """Return a verdict as a document."""
        return cls(
            statement=str(verdict.ledger),
            period=verdict.period,
            holds=not verdict.faults,
            total=format_amount(verdict.total),
            faults=list(verdict.faults),
        )


class AllocationProof(Document):
    """The result of allocating the cost of a deployment again."""

    allocation: str
    period: str
    holds: bool
    total: str
    faults: list[str]

    @classmethod
    def of(cls, allocation: Allocation, faults: list[str]) -> Self:
        """Return an allocation and its faults as a document."""
        return cls(
            allocation=allocation.deployment,
            period=allocation.month.name,
            holds=not faults,
            total=format_amount(allocation.cost),
            faults=faults,
        )
