"""Cost allocations in SQLite."""

from pydantic_core import to_json

from metering.adapters.sqlite.database import Database, parse_document
from metering.core.allocation.allocation import Allocation
from metering.core.allocation.allocation_document import read_allocation, write_allocation
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
        if found is None:
            return None
        return read_allocation(
            parse_document(
                found[0], lambda reason: InvariantBroken(f"allocation of {deployment}: {reason}")
            )
        )
