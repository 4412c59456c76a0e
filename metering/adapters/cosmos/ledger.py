"""Ledgers in Cosmos DB: one logical partition each, committed by transactional batch."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from azure.cosmos.exceptions import CosmosBatchOperationError
from pydantic_core import from_json

from metering.adapters.cosmos.account import CONFLICT, PRECONDITION_FAILED, CosmosAccount
from metering.adapters.cosmos.containers import LEDGERS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.effects import effect_document
from metering.core.basics.errors import HeadMovedError, InvariantBroken
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.page import Page, page_id, read_page
from metering.ports import StoredHead

_HEAD: Final = "head"
#: Pages of one request that reads a whole ledger: a page has up to 100 KB, an answer 4 MB.
_PAGES_A_READ: Final = 20


class CosmosLedgers:
    """Implements LedgerStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, LEDGERS)

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head as last committed: a point read."""
        found = await self._documents.read(_HEAD, str(ledger))
        return None if found is None else StoredHead(read_head(found, ledger), found["_etag"])

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number: a point read."""
        found = await self._documents.read(page_id(number), str(ledger))
        return None if found is None else read_page(found, ledger)

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number: one query of one partition."""
        values = {f"@slot{position}": slot for position, slot in enumerate(slots)}
        query = f"SELECT * FROM c WHERE c.slot IN ({', '.join(values)})"  # noqa: S608, names only
        found = self._documents.select(query, values, partition=str(ledger))
        pages = [read_page(document, ledger) async for document in found]
        return sorted(pages, key=lambda page: page.number)

    async def commit(self, commit: Commit, etag: str | None) -> str:
        """Create pages and effects and replace the head in one batch, if its ETag is `etag`."""
        ledger = str(commit.head.ledger)
        async with self._account.container(LEDGERS) as container:
            try:
                # Built anew for every attempt: the SDK takes the conditions out of the list.
                results = await container.execute_item_batch(
                    _operations(commit, etag), partition_key=ledger
                )
            except CosmosBatchOperationError as error:
                if error.status_code in {CONFLICT, PRECONDITION_FAILED}:
                    raise refusal(error, commit) from error
                raise
        return str(results[len(commit.pages)]["eTag"])

    async def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        """Yield all pages with a higher number than `after`, in order."""
        found = self._documents.select(
            "SELECT * FROM c WHERE c.number > @after ORDER BY c.number",
            {"@after": after},
            partition=str(ledger),
            page_size=_PAGES_A_READ,
        )
        async for document in found:
            yield read_page(document, ledger)

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        if tenant is None:
            found = self._documents.select("SELECT c.ledger FROM c WHERE IS_DEFINED(c.tenant)")
        else:
            query = "SELECT c.ledger FROM c WHERE c.tenant = @tenant"
            found = self._documents.select(query, {"@tenant": tenant})
        return sorted([LedgerId.parse(document["ledger"]) async for document in found])


def _operations(commit: Commit, etag: str | None) -> list[tuple[Any, ...]]:
    """Return pages, head and effects; `commit` and `refusal` rely on this order."""
    head = from_json(write_head(commit.head))
    head |= {"id": _HEAD, "tenant": commit.head.ledger.tenant}
    pages = [("create", (from_json(content),)) for content in commit.contents]
    effects = [("create", (effect_document(effect),)) for effect in commit.effects]
    if etag is None:
        return [*pages, ("create", (head,)), *effects]
    return [*pages, ("replace", (_HEAD, head), {"if_match_etag": etag}), *effects]


def refusal(error: CosmosBatchOperationError, commit: Commit) -> Exception:
    """Return the error for a refused operation: a page or head that exists is a lost race."""
    if (error.error_index or 0) <= len(commit.pages):
        return HeadMovedError(f"ledger {commit.head.ledger}: another process committed first")
    reason = f"operation {error.error_index} of a commit was refused with {error.status_code}"
    return InvariantBroken(f"ledger {commit.head.ledger}: {reason}")
