"""Ledgers in Cosmos DB: one logical partition each, committed by transactional batch."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from azure.core.exceptions import ResourceNotFoundError
from azure.cosmos.exceptions import CosmosBatchOperationError
from pydantic_core import from_json

from metering.adapters.cosmos.account import CONFLICT, PRECONDITION_FAILED, CosmosAccount
from metering.adapters.cosmos.containers import LEDGERS
from metering.adapters.cosmos.effects import effect_document
from metering.core.basics.documents import Document
from metering.core.basics.errors import HeadMovedError, InvariantBroken
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.page import Page, page_id, read_page
from metering.ports import StoredHead

_HEAD: Final = "head"
#: Pages a request when all of a ledger's are wanted: each may be 100 KB, an answer takes 4 MB.
_PAGES_A_READ: Final = 20


class CosmosLedgers:
    """Implements LedgerStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head as last committed: a point read."""
        document = await self._item(ledger, _HEAD)
        return (
            None if document is None else StoredHead(read_head(document, ledger), document["_etag"])
        )

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number: a point read."""
        document = await self._item(ledger, page_id(number))
        return None if document is None else read_page(document, ledger)

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number: one query of one partition."""
        names = [f"@slot{position}" for position in range(len(slots))]
        query = f"SELECT * FROM c WHERE c.slot IN ({', '.join(names)})"  # noqa: S608, names only
        parameters = [
            {"name": name, "value": slot} for name, slot in zip(names, slots, strict=True)
        ]
        async with self._account.container(LEDGERS) as container:
            found = container.query_items(query, parameters=parameters, partition_key=str(ledger))
            pages = [read_page(document, ledger) async for document in found]
        return sorted(pages, key=lambda page: page.number)

    async def commit(self, commit: Commit, etag: str | None) -> str:
        """Create pages and effects and replace the head, if its tag holds: all of it or nothing."""
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
        async with self._account.container(LEDGERS) as container:
            found = container.query_items(
                "SELECT * FROM c WHERE c.number > @after ORDER BY c.number",
                parameters=[{"name": "@after", "value": after}],
                partition_key=str(ledger),
                max_item_count=_PAGES_A_READ,
            )
            async for document in found:
                yield read_page(document, ledger)

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        condition = "IS_DEFINED(c.tenant)" if tenant is None else "c.tenant = @tenant"
        parameters: list[dict[str, object]] = [{"name": "@tenant", "value": tenant}]
        async with self._account.container(LEDGERS) as container:
            found = container.query_items(
                f"SELECT c.ledger FROM c WHERE {condition}",  # noqa: S608, a literal of above
                parameters=None if tenant is None else parameters,
            )
            return sorted([LedgerId.parse(item["ledger"]) async for item in found])

    async def _item(self, ledger: LedgerId, name: str) -> Document | None:
        async with self._account.container(LEDGERS) as container:
            try:
                found: Document = await container.read_item(name, partition_key=str(ledger))
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return None
                raise
            return found


def is_missing_item(error: ResourceNotFoundError) -> bool:
    """Say whether an item is missing, rather than its container or database.

    The service answers substatus 1003 for the container or database, nothing for the item.
    """
    return not getattr(error, "sub_status", None)


def _operations(commit: Commit, etag: str | None) -> list[tuple[Any, ...]]:
    """Return pages, head, effects, in this order: `commit` and `refusal` go by the place."""
    head = from_json(write_head(commit.head))
    head |= {"id": _HEAD, "tenant": commit.head.ledger.tenant}
    pages = [("create", (from_json(content),)) for content in commit.contents]
    effects = [("create", (effect_document(effect),)) for effect in commit.effects]
    if etag is None:
        return [*pages, ("create", (head,)), *effects]
    return [*pages, ("replace", (_HEAD, head), {"if_match_etag": etag}), *effects]


def refusal(error: CosmosBatchOperationError, commit: Commit) -> Exception:
    """Name the operation that failed: a page or head that is there already is a lost race."""
    if (error.error_index or 0) <= len(commit.pages):
        return HeadMovedError(f"ledger {commit.head.ledger}: somebody else was first")
    reason = f"operation {error.error_index} of a commit was refused with {error.status_code}"
    return InvariantBroken(f"ledger {commit.head.ledger}: {reason}")
