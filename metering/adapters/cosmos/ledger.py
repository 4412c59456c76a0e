"""Ledgers in Cosmos DB: one logical partition each.

A commit of one page is a create; with effects or a checkpoint it is a transactional batch.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from azure.core.exceptions import ResourceExistsError
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosBatchOperationError
from pydantic_core import from_json

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import LEDGERS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.effects import effect_document
from metering.adapters.cosmos.refusals import CONFLICT, PRECONDITION_FAILED
from metering.adapters.executor import EXECUTOR
from metering.core.basics.documents import Document, is_rounded
from metering.core.basics.errors import LedgerBroken, PartitionFullError
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit, left_behind, lost_race, with_seen
from metering.core.ledger.head import Head, follow
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.page import Page, page_id, read_page
from metering.ports import StoredHead

_HEAD: Final = "head"
#: Pages of one request that reads a whole ledger: a page has up to 100 KB, an answer 4 MB.
_PAGES_A_READ: Final = 20
#: Heads remembered: each takes some 10 KB.
_MAX_HEADS: Final = 500


class CosmosLedgers:
    """Implements LedgerStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, LEDGERS)
        self._latest: OrderedDict[LedgerId, StoredHead] = OrderedDict()
        """Heads as last seen: pages never change, so only those that follow need to be read."""

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head after the last page: point reads from the last head seen."""
        # Forgotten until the pages after it are known to follow: a ledger that was restored is read
        # from its checkpoint again.
        stored = self._latest.pop(ledger, None) or await self._checkpoint(ledger)
        if stored is None:
            return None
        head = stored.head
        while True:
            page = await self.read_page(ledger, head.pages + 1)
            if page is None:
                break
            head = follow(head, [page])
        stored = StoredHead(head, stored.checkpoint)
        self._remember(stored)
        return stored

    async def _checkpoint(self, ledger: LedgerId) -> StoredHead | None:
        document = await self._documents.read(_HEAD, str(ledger))
        if document is None:
            return None
        head = _stored_head(document, ledger)
        return StoredHead(head, head.pages)

    def _remember(self, stored: StoredHead) -> None:
        self._latest[stored.head.ledger] = stored
        self._latest.move_to_end(stored.head.ledger)
        while len(self._latest) > _MAX_HEADS:
            self._latest.popitem(last=False)

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number: a point read."""
        found = await self._documents.read(page_id(number), str(ledger))
        return None if found is None else read_page(found, ledger)

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number: one query of one partition."""
        values = {f"@slot{position}": slot for position, slot in enumerate(slots)}
        query = f"SELECT * FROM c WHERE c.slot IN ({', '.join(values)})"  # noqa: S608, names only
        found = self._documents.select(query, values, partition=str(ledger))
        documents = [document async for document in found]
        # Many pages take tenths of a second, in which nobody else would be served.
        pages = await EXECUTOR.run(lambda: [read_page(document, ledger) for document in documents])
        return sorted(pages, key=lambda page: page.number)

    async def latest_slots(self, ledger: LedgerId, before: Slot, limit: int) -> list[Slot]:
        """Return the slots of the last pages before a slot, one for each page."""
        found = self._documents.select(
            "SELECT c.slot FROM c WHERE c.slot < @before ORDER BY c.slot DESC",
            {"@before": before},
            partition=str(ledger),
            limit=limit,
        )
        return [document["slot"] async for document in found]

    async def commit(self, commit: Commit) -> None:
        """Create pages and effects, and write the checkpoint where one is due: all or nothing."""
        if not commit.pages:
            await self._note(commit)
            return
        self._account.clock_watch.must_be_right()
        ledger = commit.head.ledger
        before = self._latest.pop(ledger, None)
        async with self._writing(ledger) as container:
            try:
                if len(commit.contents) == 1 and not (commit.effects or commit.checkpoint):
                    await container.create_item(from_json(commit.contents[0]), no_response=True)
                else:
                    await container.execute_item_batch(
                        _operations(commit), partition_key=str(ledger)
                    )
            except ResourceExistsError as error:
                raise lost_race(commit) from error
            except CosmosBatchOperationError as error:
                if error.status_code in {CONFLICT, PRECONDITION_FAILED}:
                    raise refusal(error, commit) from error
                raise
        if commit.checkpoint:
            self._remember(StoredHead(commit.head, commit.head.pages))
        elif before is not None:
            self._remember(StoredHead(commit.head, before.checkpoint))

    async def write_checkpoint(self, head: Head) -> bool:
        """Replace the checkpoint, unless the one that is stored is as new."""
        stored = await self._documents.read(_HEAD, str(head.ledger))
        if stored is None or _stored_head(stored, head.ledger).pages >= head.pages:
            self._latest.pop(head.ledger, None)
            return False
        return await self._put(head, stored["_etag"])

    async def _note(self, commit: Commit) -> None:
        """Note the duplicates of a commit without pages in the checkpoint."""
        ledger = commit.head.ledger
        stored = await self._documents.read(_HEAD, str(ledger))
        head = commit.head if stored is None else with_seen(_stored_head(stored, ledger), commit)
        if not await self._put(head, None if stored is None else stored["_etag"]):
            raise lost_race(commit)

    async def _put(self, head: Head, etag: str | None) -> bool:
        self._latest.pop(head.ledger, None)
        async with self._writing(head.ledger):
            return await self._documents.put(head_document(head), etag) is not None

    @asynccontextmanager
    async def _writing(self, ledger: LedgerId) -> AsyncIterator[ContainerProxy]:
        """Give the container to the body; a full logical partition is the fault of its ledger."""
        try:
            async with self._account.container(LEDGERS) as container:
                yield container
        except PartitionFullError as full:
            raise LedgerBroken(str(ledger), str(full)) from full

    async def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        """Yield all pages with a higher number than `after`, in order."""
        async for document in self._documents_after(ledger, after):
            yield read_page(document, ledger)

    async def page_documents(self, ledger: LedgerId) -> AsyncGenerator[Document]:
        """Yield the documents of all pages, without what the service adds."""
        async for document in self._documents_after(ledger, 0):
            yield {name: value for name, value in document.items() if not name.startswith("_")}

    def _documents_after(self, ledger: LedgerId, after: int) -> AsyncIterator[Document]:
        return self._documents.select(
            "SELECT * FROM c WHERE c.number > @after ORDER BY c.number",
            {"@after": after},
            partition=str(ledger),
            page_size=_PAGES_A_READ,
        )

    async def ledgers_of_pages(self) -> list[LedgerId]:
        """Return the ledgers that have any page: one row a page, over all partitions."""
        query = "SELECT c.ledger FROM c WHERE IS_DEFINED(c.number)"
        names = {document["ledger"] async for document in self._documents.select(query)}
        return sorted(map(LedgerId.parse, names))

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        if tenant is None:
            found = self._documents.select("SELECT c.ledger FROM c WHERE IS_DEFINED(c.tenant)")
        else:
            query = "SELECT c.ledger FROM c WHERE c.tenant = @tenant"
            found = self._documents.select(query, {"@tenant": tenant})
        return sorted([LedgerId.parse(document["ledger"]) async for document in found])


def _stored_head(document: Document, ledger: LedgerId) -> Head:
    """Return the head in a document; LedgerBroken where the service has rounded a count of it."""
    if is_rounded(document):
        raise LedgerBroken(str(ledger), "its head has a count of 2^53 or more, which was rounded")
    return read_head(document, ledger)


def head_document(head: Head) -> Document:
    """Return a head as the item to store."""
    document: Document = from_json(write_head(head))
    return document | {"id": _HEAD, "tenant": head.ledger.tenant}


def _operations(commit: Commit) -> list[tuple[Any, ...]]:
    """Return the operations of a commit, pages first: `refusal` goes by the place.

    The checkpoint needs no condition: it is of the last page, which did not exist before.
    """
    pages = [("create", (from_json(content),)) for content in commit.contents]
    checkpoint = [("upsert", (head_document(commit.head),))] if commit.checkpoint else []
    effects = [("create", (effect_document(effect),)) for effect in commit.effects]
    return [*pages, *checkpoint, *effects]


def refusal(error: CosmosBatchOperationError, commit: Commit) -> Exception:
    """Name the operation that failed: a page that exists already is a lost race.

    Nothing else of a commit can be there before its page, unless a restore left it.
    """
    if (error.error_index or 0) < len(commit.pages):
        return lost_race(commit)
    return left_behind(commit)
