"""Statements in SQLite."""

from collections.abc import AsyncIterator

from pydantic_core import to_json

from metering.adapters.sqlite.database import Database, parse_document
from metering.core.basics.errors import InvariantBroken
from metering.core.billing.statement import Statement
from metering.core.billing.statement_document import read_statement, write_statement
from metering.core.calendars.periods import LedgerId


class SqliteStatements:
    """Implements StatementStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_statement(self, statement: Statement) -> bool:
        """Store a statement; return False if its ledger has one."""
        created = await self._database.change(
            "INSERT OR IGNORE INTO statements (tenant, start, document) VALUES (?, ?, ?)",
            *(*statement.ledger, to_json(write_statement(statement))),
        )
        return created == 1

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
        found = await self._database.one(
            f"SELECT document FROM statements WHERE {where}",  # noqa: S608, literals of above
            *(tenant, *values),
        )
        if found is None:
            return None
        document = parse_document(
            found[0], lambda reason: InvariantBroken(f"statement of {tenant}: {reason}")
        )
        return read_statement(document, tenant)
