"""Ledgers in Cosmos DB: a chain of segments, each one logical partition.

A commit of one page is a create; with effects or a checkpoint it is a transactional batch.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from azure.core.exceptions import ResourceExistsError
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosBatchOperationError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import LEDGERS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.effects import effect_document
from metering.adapters.cosmos.refusals import CONFLICT, PRECONDITION_FAILED
from metering.adapters.cosmos.segments import (
    HEAD,
    head_in,
    head_item,
    last_checkpoint,
    ledger_of,
    page_item,
    page_of,
    partition_of,
    unpacked,
)
from metering.adapters.executor import EXECUTOR
from metering.core.basics.documents import Document
from metering.core.basics.errors import LedgerBroken, PartitionFullError
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit, left_behind, lost_race, with_seen
from metering.core.ledger.head import Head, follow
from metering.core.ledger.page import Page, page_id
from metering.ports import StoredHead

#: Pages of one request that reads a whole ledger: a page has up to 100 KB, an answer 4 MB.
_PAGES_A_READ: Final = 20
#: A page that is unpacked in the event loop: a millisecond or two.
_AT_ONCE_BYTES: Final = 16_384
#: Heads remembered: each takes some 10 KB.
_MAX_HEADS: Final = 500
#: Ledgers of several segments whose segments are remembered.
_MAX_SEGMENTED: Final = 10_000


class CosmosLedgers:
    """Implements LedgerStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, LEDGERS)
        self._latest: OrderedDict[LedgerId, StoredHead] = OrderedDict()
        """Heads as last seen: pages never change, so only those that follow need to be read."""
        self._segments: OrderedDict[LedgerId, Head] = OrderedDict()
        """Heads of ledgers with several segments, for where these begin."""

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head after the last page: point reads from the last head seen."""
        # Forgotten until the pages after it are known to follow: a ledger that was restored is read
        # from its checkpoint again.
        stored = self._latest.pop(ledger, None) or await self._checkpoint(ledger)
        if stored is None:
            return None
        head = stored.head
        while True:
            number = head.pages + 1
            page = await self._read_page(ledger, number, head.segment_of(number))
            if page is None:
                break
            head = follow(head, [page])
        stored = StoredHead(head, stored.checkpoint)
        self._remember(stored)
        return stored

    async def _checkpoint(self, ledger: LedgerId) -> StoredHead | None:
        head = await last_checkpoint(self._documents, ledger)
        return None if head is None else StoredHead(head, head.pages)

    def _remember(self, stored: StoredHead) -> None:
        self._latest[stored.head.ledger] = stored
        self._latest.move_to_end(stored.head.ledger)
        while len(self._latest) > _MAX_HEADS:
            self._latest.popitem(last=False)
        self._note_segments(stored.head)

    def _note_segments(self, head: Head) -> None:
        """Remember where the segments of a ledger begin; nearly all have one."""
        if head.segments:
            self._segments[head.ledger] = head
            self._segments.move_to_end(head.ledger)
            while len(self._segments) > _MAX_SEGMENTED:
                self._segments.popitem(last=False)

    async def _with_segments(self, ledger: LedgerId) -> Head:
        """Return a head that knows the segments of a ledger, as far as this process does."""
        known = self._segments.get(ledger)
        if known is None and ledger not in self._latest:
            known = await last_checkpoint(self._documents, ledger)
            if known is not None:
                self._note_segments(known)
        return known or Head(ledger)

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number: a point read."""
        before = await self._with_segments(ledger)
        page = await self._read_page(ledger, number, before.segment_of(number))
        if page is not None:
            return page
        # Another process may have opened a segment since.
        now = await last_checkpoint(self._documents, ledger)
        if now is None or now.segments == before.segments:
            return None
        self._note_segments(now)
        return await self._read_page(ledger, number, now.segment_of(number))

    async def _read_page(self, ledger: LedgerId, number: int, segment: int) -> Page | None:
        found = await self._documents.read(page_id(number), partition_of(ledger, segment))
        return None if found is None else page_of(found, ledger)

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number: one query of each segment."""
        values = {f"@slot{position}": slot for position, slot in enumerate(slots)}
        query = f"SELECT * FROM c WHERE c.slot IN ({', '.join(values)})"  # noqa: S608, names only
        items: list[Document] = []
        for segment in range(1, 2 + len((await self._with_segments(ledger)).segments)):
            found = self._documents.select(query, values, partition=partition_of(ledger, segment))
            items += [item async for item in found]
        # Many pages take tenths of a second, in which nobody else would be served.
        pages = await EXECUTOR.run(lambda: [page_of(item, ledger) for item in items])
        return sorted(pages, key=lambda page: page.number)

    async def latest_slots(self, ledger: LedgerId, before: Slot, limit: int) -> list[Slot]:
        """Return the slots of the last pages before a slot, one for each page."""
        slots: list[Slot] = []
        for segment in range(1, 2 + len((await self._with_segments(ledger)).segments)):
            found = self._documents.select(
                "SELECT c.slot FROM c WHERE c.slot < @before ORDER BY c.slot DESC",
                {"@before": before},
                partition=partition_of(ledger, segment),
                limit=limit,
            )
            slots += [document["slot"] async for document in found]
        return sorted(slots, reverse=True)[:limit]

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
                    item = page_item(commit.pages[0], commit.contents[0], commit.segment)
                    await container.create_item(item, no_response=True)
                else:
                    await container.execute_item_batch(
                        _operations(commit), partition_key=partition_of(ledger, commit.segment)
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
        segment = head.segment_of(head.pages)
        stored = await self._documents.read(HEAD, partition_of(head.ledger, segment))
        if stored is None or head_in(stored, head.ledger, segment).pages >= head.pages:
            self._latest.pop(head.ledger, None)
            return False
        return await self._put(head, segment, stored["_etag"])

    async def _note(self, commit: Commit) -> None:
        """Note the duplicates of a commit without pages in the checkpoint."""
        ledger, segment = commit.head.ledger, commit.segment
        stored = await self._documents.read(HEAD, partition_of(ledger, segment))
        head, etag = commit.head, None
        if stored is not None:
            head, etag = with_seen(head_in(stored, ledger, segment), commit), stored["_etag"]
        if not await self._put(head, segment, etag):
            raise lost_race(commit)

    async def _put(self, head: Head, segment: int, etag: str | None) -> bool:
        self._latest.pop(head.ledger, None)
        async with self._writing(head.ledger):
            return await self._documents.put(head_item(head, segment), etag) is not None

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
        async for item in self._items_after(ledger, after):
            if len(item.get("packed", "")) <= _AT_ONCE_BYTES:
                yield page_of(item, ledger)
            else:
                yield await EXECUTOR.run(partial(page_of, item, ledger))

    async def page_documents(self, ledger: LedgerId) -> AsyncGenerator[Document]:
        """Yield the documents of all pages, without what the service adds."""
        async for item in self._items_after(ledger, 0):
            document = unpacked(item, ledger)
            yield {name: value for name, value in document.items() if not name.startswith("_")}

    async def _items_after(self, ledger: LedgerId, after: int) -> AsyncGenerator[Document]:
        known = await self._with_segments(ledger)
        for segment in range(known.segment_of(after + 1), 2 + len(known.segments)):
            found = self._documents.select(
                "SELECT * FROM c WHERE c.number > @after ORDER BY c.number",
                {"@after": after},
                partition=partition_of(ledger, segment),
                page_size=_PAGES_A_READ,
            )
            async for item in found:
                yield item

    async def ledgers_of_pages(self) -> list[LedgerId]:
        """Return the ledgers that have any page: one row a page, over all partitions."""
        query = "SELECT c.ledger FROM c WHERE IS_DEFINED(c.number)"
        names = {document["ledger"] async for document in self._documents.select(query)}
        return sorted({ledger_of(name)[0] for name in names})

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        if tenant is None:
            # A first page without a head is a ledger that lost it: whoever reads it says so.
            query = "SELECT c.ledger FROM c WHERE IS_DEFINED(c.tenant) OR c.number = 1"
            found = self._documents.select(query)
        else:
            query = "SELECT c.ledger FROM c WHERE c.tenant = @tenant"
            found = self._documents.select(query, {"@tenant": tenant})
        return sorted({LedgerId.parse(document["ledger"]) async for document in found})


def _operations(commit: Commit) -> list[tuple[Any, ...]]:
    """Return the operations of a commit, pages first: `refusal` goes by the place.

    The checkpoint needs no condition: it is of the last page, which did not exist before.
    """
    segment = commit.segment
    pages = [
        ("create", (page_item(page, content, segment),))
        for page, content in zip(commit.pages, commit.contents, strict=True)
    ]
    checkpoint = [("upsert", (head_item(commit.head, segment),))] if commit.checkpoint else []
    effects = [("create", (effect_document(effect),)) for effect in commit.effects]
    return [*pages, *checkpoint, *effects]


def refusal(error: CosmosBatchOperationError, commit: Commit) -> Exception:
    """Name the operation that failed: a page that exists already is a lost race.

    Nothing else of a commit can be there before its page, unless a restore left it.
    """
    if (error.error_index or 0) < len(commit.pages):
        return lost_race(commit)
    return left_behind(commit)
