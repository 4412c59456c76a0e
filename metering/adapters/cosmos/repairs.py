"""Repairs of ledgers in Cosmos DB."""

from collections.abc import Sequence
from typing import Final

from pydantic_core import from_json

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import LEDGERS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.ledger import head_document
from metering.core.basics.documents import Document
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page, page_content, page_id

_EFFECT: Final = "effect-"


class CosmosRepairs:
    """Implements LedgerRepairs."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, LEDGERS)

    async def page_document(self, ledger: LedgerId, number: int) -> Document | None:
        """Return a page as it is stored."""
        return await self._documents.read(page_id(number), str(ledger))

    async def documents_after(self, ledger: LedgerId, page: int) -> list[Document]:
        """Return the pages and effects after a page."""
        partition = str(ledger)
        pages = self._documents.select(
            "SELECT * FROM c WHERE c.number > @after ORDER BY c.number",
            {"@after": page},
            partition=partition,
        )
        effects = self._documents.select(
            "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix) ORDER BY c.id DESC",
            {"@prefix": _EFFECT},
            partition=partition,
        )
        return [
            *[document async for document in pages],
            *[document async for document in effects if document["page"] > page],
        ]

    async def restore_page(self, page: Page) -> None:
        """Write a page over the one of its number."""
        async with self._account.container(LEDGERS) as container:
            await container.upsert_item(from_json(page_content(page)))

    async def replace_head(self, head: Head) -> None:
        """Write the checkpoint, whatever is stored."""
        async with self._account.container(LEDGERS) as container:
            await container.upsert_item(head_document(head))

    async def remove(self, ledger: LedgerId, documents: Sequence[Document]) -> None:
        """Remove pages and effects that `documents_after` returned."""
        for document in documents:
            await self._documents.remove(document["id"], str(ledger), document["_etag"])
