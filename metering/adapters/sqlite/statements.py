"""Statements in SQLite."""

import sqlite3
from collections.abc import AsyncIterator

from pydantic_core import from_json, to_json

from metering.adapters.sqlite.database import Database
from metering.core.basics.errors import InvariantBroken
from metering.core.billing.statement import Statement
from metering.core.billing.statement_document import read_statement, write_statement
from metering.core.calendars.periods import LedgerId


class SqliteStatements:
    """Implements StatementStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_statement(self, statement: Statement) -> bool:
        """Keep a statement, unless its ledger has one."""
        tenant, start = statement.ledger
        content = to_json(write_statement(statement))

        def put(connection: sqlite3.Connection) -> bool:
            written = connection.execute(
                "INSERT OR IGNORE INTO statements (tenant, start, document) VALUES (?, ?, ?)",
                (tenant, start, content),
            )
            return written.rowcount == 1

        return await self._database.write(put)

    async def read_statement(self, ledger: LedgerId) -> Statement | None:
        """Return the statement of a period."""
        return await self._one("tenant = ? AND start = ?", ledger.tenant, ledger.start)

    async def latest_statement(self, tenant: str) -> Statement | None:
        """Return a tenant's last statement."""
        return await self._one("tenant = ? ORDER BY start DESC LIMIT 1", tenant)

    async def statements(self, tenant: str) -> AsyncIterator[Statement]:
        """Yield a tenant's statements, the earliest period first."""
        found = await self._one("tenant = ? ORDER BY start LIMIT 1", tenant)
        while found is not None:
            yield found
            following = "tenant = ? AND start > ? ORDER BY start LIMIT 1"
            found = await self._one(following, tenant, found.ledger.start)

    async def _one(self, where: str, tenant: str, *values: int) -> Statement | None:
        found = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT document FROM statements WHERE {where}",  # noqa: S608, ours alone
                (tenant, *values),
            ).fetchone()
        )
        return None if found is None else _parsed(tenant, found[0])


def _parsed(tenant: str, content: bytes) -> Statement:
    try:
        document = from_json(content)
    except ValueError as error:
        raise InvariantBroken(f"statement of {tenant}: is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvariantBroken(f"statement of {tenant}: is not a JSON object")
    return read_statement(document, tenant)
