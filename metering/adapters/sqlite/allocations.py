"""Cost allocations in SQLite."""

from pydantic_core import to_json

from metering.adapters.sqlite.database import Database, parse_document
from metering.core.allocation.accrual import Accrual
from metering.core.allocation.allocation import Allocation
from metering.core.allocation.allocation_document import (
    read_accrual,
    read_allocation,
    write_accrual,
    write_allocation,
)
from metering.core.basics.documents import Document
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import Instant


class SqliteAllocations:
    """Implements AllocationStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_allocation(self, allocation: Allocation) -> bool:
        """Store an allocation; return False if its deployment and month have one."""
        row = (
            allocation.month.start,
            allocation.deployment.casefold(),
            to_json(write_allocation(allocation)),
        )
        created = await self._database.change(
            "INSERT OR IGNORE INTO sharings (month, deployment, document) VALUES (?, ?, ?)", *row
        )
        return created == 1

    async def read_allocation(self, deployment: str, month_start: Instant) -> Allocation | None:
        """Return the allocation of a deployment and month."""
        found = await self._database.one(
            "SELECT document FROM sharings WHERE month = ? AND deployment = ?",
            *(month_start, deployment.casefold()),
        )
        return None if found is None else read_allocation(_parsed(found[0], deployment))

    async def put_accrual(self, accrual: Accrual) -> bool:
        """Store an accrual; return False if a later one of its deployment and month is stored."""
        of = accrual.allocation
        content = to_json(write_accrual(accrual))
        row = of.month.start, of.deployment.casefold(), accrual.at, content
        written = await self._database.change(
            "INSERT INTO accruals (month, deployment, at, document) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET at = excluded.at, document = excluded.document"
            " WHERE at <= excluded.at",
            *row,
        )
        return written == 1

    async def read_accrual(self, deployment: str, month_start: Instant) -> Accrual | None:
        """Return the accrual of a deployment and month."""
        found = await self._database.one(
            "SELECT document FROM accruals WHERE month = ? AND deployment = ?",
            *(month_start, deployment.casefold()),
        )
        return None if found is None else read_accrual(_parsed(found[0], deployment))


def _parsed(content: bytes, deployment: str) -> Document:
    return parse_document(
        content, lambda reason: InvariantBroken(f"allocation of {deployment}: {reason}")
    )
