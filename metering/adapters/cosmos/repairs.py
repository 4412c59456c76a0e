"""Repairs of ledgers in Cosmos DB."""

from collections.abc import Sequence

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import LEDGERS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.segments import (
    HEAD,
    head_item,
    page_item,
    partition_of,
    unpacked,
)
from metering.core.basics.documents import Document
from metering.core.basics.errors import LedgerBroken
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page, page_content, page_id


class CosmosRepairs:
    """Implements LedgerRepairs."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, LEDGERS)

    async def page_document(self, ledger: LedgerId, number: int, segment: int) -> Document | None:
        """Return a page as it was written."""
        item = await self._documents.read(page_id(number), partition_of(ledger, segment))
        try:
            return None if item is None else unpacked(item, ledger)
        except LedgerBroken:
            return item

    async def documents_after(self, ledger: LedgerId, page: int, segments: int) -> list[Document]:
        """Return the pages, heads and effects after a page, from every segment that has any."""
        beyond: list[Document] = []
        segment = 1
        while True:
            found = self._documents.select(
                "SELECT * FROM c", partition=partition_of(ledger, segment)
            )
            items = [item async for item in found]
            beyond += [item for item in items if _is_after(item, page, segment, segments)]
            if not items and segment >= segments:
                return beyond
            segment += 1

    async def restore_page(self, page: Page, segment: int) -> None:
        """Write a page over the one of its number."""
        async with self._account.container(LEDGERS) as container:
            await container.upsert_item(page_item(page, page_content(page), segment))

    async def replace_heads(self, heads: Sequence[Head]) -> None:
        """Write the checkpoint of each segment, whatever is stored."""
        async with self._account.container(LEDGERS) as container:
            for segment, head in enumerate(heads, 1):
                await container.upsert_item(head_item(head, segment))

    async def remove(
        self,
        ledger: LedgerId,  # noqa: ARG002, an item names its partition
        documents: Sequence[Document],
    ) -> None:
        """Remove what `documents_after` returned."""
        for item in documents:
            await self._documents.remove(item["id"], item["ledger"], item["_etag"])


def _is_after(item: Document, page: int, segment: int, segments: int) -> bool:
    if item["id"] == HEAD:
        return segment > segments
    number: int = item["number"] if "number" in item else item["page"]
    return number > page
