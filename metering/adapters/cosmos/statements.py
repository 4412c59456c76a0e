"""Statements in Cosmos DB: one document each, in the tenant's partition, never replaced."""

from collections.abc import AsyncIterator

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import STATEMENTS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.instants import format_instant
from metering.core.billing.statement import Statement
from metering.core.billing.statement_document import read_statement, write_statement
from metering.core.calendars.periods import LedgerId


class CosmosStatements:
    """Implements StatementStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._documents = CosmosDocuments(account, STATEMENTS)

    async def put_statement(self, statement: Statement) -> bool:
        """Store a statement; return False if its ledger has one."""
        ledger = statement.ledger
        document = {**write_statement(statement), "id": _name(ledger), "start": ledger.start}
        return await self._documents.create(document)

    async def read_statement(self, ledger: LedgerId) -> Statement | None:
        """Return the statement of a period: a point read."""
        found = await self._documents.read(_name(ledger), ledger.tenant)
        return None if found is None else read_statement(found, ledger.tenant)

    async def latest_statement(self, tenant: str) -> Statement | None:
        """Return a tenant's last statement."""
        query = "SELECT TOP 1 * FROM c WHERE c.tenant = @tenant ORDER BY c.start DESC"
        found = self._documents.select(query, {"@tenant": tenant}, partition=tenant)
        return next(iter([read_statement(document, tenant) async for document in found]), None)

    async def statements(self, tenant: str) -> AsyncIterator[Statement]:
        """Yield a tenant's statements, the earliest period first."""
        query = "SELECT * FROM c WHERE c.tenant = @tenant ORDER BY c.start ASC"
        found = self._documents.select(query, {"@tenant": tenant}, partition=tenant)
        async for document in found:
            yield read_statement(document, tenant)


def _name(ledger: LedgerId) -> str:
    return f"statement-{format_instant(ledger.start)}"
