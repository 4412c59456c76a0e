"""Sharings in SQLite."""

import sqlite3

from pydantic_core import from_json, to_json

from metering.adapters.sqlite.database import Database
from metering.core.allocation.allocation import Allocation
from metering.core.allocation.allocation_document import read_allocation, write_allocation
from metering.core.basics.documents import Document
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import Instant


class SqliteSharings:
    """Implements AllocationStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_allocation(self, allocation: Allocation) -> bool:
        """Keep an allocation, unless there is one."""
        row = (
            allocation.month.start,
            allocation.deployment.casefold(),
            to_json(write_allocation(allocation)),
        )

        def put(connection: sqlite3.Connection) -> bool:
            done = connection.execute(
                "INSERT OR IGNORE INTO sharings (month, deployment, document) VALUES (?, ?, ?)", row
            )
            return done.rowcount == 1

        return await self._database.write(put)

    async def read_allocation(self, deployment: str, month_start: Instant) -> Allocation | None:
        """Return an allocation."""
        found = await self._database.read(
            lambda connection: connection.execute(
                "SELECT document FROM sharings WHERE month = ? AND deployment = ?",
                (month_start, deployment.casefold()),
            ).fetchone()
        )
        return None if found is None else read_allocation(_parsed(deployment, found[0]))


def _parsed(deployment: str, content: bytes) -> Document:
    try:
        document = from_json(content)
    except ValueError as error:
        raise InvariantBroken(f"sharing of {deployment}: is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvariantBroken(f"sharing of {deployment}: is not a JSON object")
    return document
