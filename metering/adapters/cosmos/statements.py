"""Statements in Cosmos DB: one document each, in the tenant's partition, never replaced."""

import base64
import zlib
from collections.abc import AsyncIterator
from typing import Final

from pydantic_core import from_json, to_json

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import STATEMENTS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.documents import Document
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import format_instant
from metering.core.billing.statement import Statement
from metering.core.billing.statement_document import read_statement, write_statement
from metering.core.calendars.periods import LedgerId

#: A statement has a line for each model and bucket, so it repeats names: longer ones compress to a
#: tenth, and an item takes 2 MB.
MAX_PLAIN_BYTES: Final = 1_000_000


class CosmosStatements:
    """Implements StatementStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._documents = CosmosDocuments(account, STATEMENTS)

    async def put_statement(self, statement: Statement) -> bool:
        """Store a statement; return False if its ledger has one."""
        ledger = statement.ledger
        place = {"id": _name(ledger), "tenant": ledger.tenant, "start": ledger.start}
        return await self._documents.create({**_packed(write_statement(statement)), **place})

    async def read_statement(self, ledger: LedgerId) -> Statement | None:
        """Return the statement of a period: a point read."""
        found = await self._documents.read(_name(ledger), ledger.tenant)
        return None if found is None else read_statement(_unpacked(found), ledger.tenant)

    async def latest_statement(self, tenant: str) -> Statement | None:
        """Return a tenant's last statement."""
        query = "SELECT TOP 1 * FROM c WHERE c.tenant = @tenant ORDER BY c.start DESC"
        found = self._documents.select(query, {"@tenant": tenant}, partition=tenant)
        return next(iter([read_statement(_unpacked(one), tenant) async for one in found]), None)

    async def statements(self, tenant: str) -> AsyncIterator[Statement]:
        """Yield a tenant's statements, the earliest period first."""
        query = "SELECT * FROM c WHERE c.tenant = @tenant ORDER BY c.start ASC"
        found = self._documents.select(query, {"@tenant": tenant}, partition=tenant)
        async for document in found:
            yield read_statement(_unpacked(document), tenant)


def _packed(document: Document) -> Document:
    """Return a statement as it is, or compressed where it would not fit into an item."""
    content = to_json(document)
    if len(content) <= MAX_PLAIN_BYTES:
        return document
    return {"packed": base64.b64encode(zlib.compress(content)).decode()}


def _unpacked(item: Document) -> Document:
    """Return a stored statement; InvariantBroken for one that is damaged."""
    if "packed" not in item:
        return item
    try:
        document: Document = from_json(zlib.decompress(base64.b64decode(item["packed"])))
    except (TypeError, ValueError, zlib.error) as error:
        raise InvariantBroken(f"{item.get('id')}: cannot be unpacked: {error}") from None
    return document


def _name(ledger: LedgerId) -> str:
    return f"statement-{format_instant(ledger.start)}"
