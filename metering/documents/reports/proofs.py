"""Proofs of ledgers, statements and allocated costs."""

from typing import Self

from pydantic import Field

from metering.app.billing.statements import StatementVerdict
from metering.app.reports.verify import Verdict
from metering.app.reports.verify_store import Proven
from metering.core.allocation.allocation import Allocation
from metering.core.basics.instants import format_instant
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


class RecordsProof(Document):
    """The result of verifying what is not in a ledger."""

    records_of: str = Field(description="`registry`, `anchors`, or a tenant.")
    checks: str = Field(description="What is checked, in words.")
    holds: bool
    records: int = Field(description="The number of records, statements or anchors.")
    last_hash: str | None = None
    faults: list[str]


def record_proofs(proven: Proven) -> list[RecordsProof]:
    """Return the proofs of the registry, the anchors, and each tenant's statements and account."""
    registry, anchored = proven.registry, proven.anchored
    proofs = [
        RecordsProof(
            records_of="registry",
            checks="chain of plans, grants and all other records; price versions",
            holds=not registry.faults,
            records=registry.records,
            last_hash=registry.last_hash,
            faults=list(registry.faults),
        ),
        *(
            RecordsProof(
                records_of=one.tenant,
                checks="chain of statements; their documents; account",
                holds=not one.faults,
                records=one.statements,
                faults=one.faults,
            )
            for one in proven.tenants
        ),
    ]
    if anchored is not None:
        last = "none" if anchored.last is None else format_instant(anchored.last.made)
        anchors = RecordsProof(
            records_of="anchors",
            checks=f"ledgers, statements, documents and records as anchored; the last is of {last}",
            holds=not anchored.faults,
            records=anchored.anchors,
            faults=anchored.faults,
        )
        proofs.insert(1, anchors)
    return proofs


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
