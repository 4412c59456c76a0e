"""Statements in Cosmos DB: one document each, in the tenant's partition, never replaced."""

from collections.abc import AsyncIterator

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import STATEMENTS
from metering.adapters.cosmos.ledger import is_missing_item
from metering.core.basics.documents import Document
from metering.core.basics.instants import format_instant
from metering.core.billing.statement import Statement
from metering.core.billing.statement_document import read_statement, write_statement
from metering.core.calendars.periods import LedgerId


class CosmosStatements:
    """Implements StatementStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def put_statement(self, statement: Statement) -> bool:
        """Keep a statement: its id is taken if its ledger has one."""
        ledger = statement.ledger
        document = {**write_statement(statement), "id": _name(ledger), "start": ledger.start}
        async with self._account.container(STATEMENTS) as container:
            try:
                await container.create_item(document)
            except ResourceExistsError:
                return False
        return True

    async def read_statement(self, ledger: LedgerId) -> Statement | None:
        """Return the statement of a period: a point read."""
        async with self._account.container(STATEMENTS) as container:
            try:
                found = await container.read_item(_name(ledger), partition_key=ledger.tenant)
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return None
                raise
        return read_statement(found, ledger.tenant)

    async def latest_statement(self, tenant: str) -> Statement | None:
        """Return a tenant's last statement."""
        async for document in self._query(tenant, "SELECT TOP 1 *", "DESC"):
            return read_statement(document, tenant)
        return None

    async def statements(self, tenant: str) -> AsyncIterator[Statement]:
        """Yield a tenant's statements, the earliest period first."""
        async for document in self._query(tenant, "SELECT *", "ASC"):
            yield read_statement(document, tenant)

    async def _query(self, tenant: str, select: str, order: str) -> AsyncIterator[Document]:
        async with self._account.container(STATEMENTS) as container:
            found = container.query_items(
                f"{select} FROM c WHERE c.tenant = @tenant ORDER BY c.start {order}",
                parameters=[{"name": "@tenant", "value": tenant}],
                partition_key=tenant,
            )
            async for document in found:
                yield document


def _name(ledger: LedgerId) -> str:
    return f"statement-{format_instant(ledger.start)}"
