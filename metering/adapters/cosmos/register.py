"""The register of reported requests in Cosmos DB: documents that are created and never changed.

A place is spread over a few logical partitions, so that none takes all writes of the moment. So the
read after a write may miss what others wrote shortly before, in a partition of which this session
knows nothing yet. A timer comes back to whatever waits, and finds it then (docs/adr/0007).
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import REGISTERS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.streams.filing import Filed, Filing
from metering.core.streams.lifetimes import REGISTER_TTL_S

#: Logical partitions of a place.
_SHARDS: Final = 8
#: The order of filing is the service's time in seconds. Partitions and replicas may differ by less.
_OVERLAP_S: Final = 5
#: Documents of one answer, which ends at 4 MB too.
_PAGE: Final = 200
_MARKS: Final = "marks"


class CosmosRegister:
    """Implements RegisterStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, REGISTERS)

    async def file(self, filings: Sequence[Filing], now: Instant) -> None:  # noqa: ARG002, `_ts`
        """Store documents, except those that exist."""
        await self._account.create_all(REGISTERS, [_document(one) for one in filings])

    async def read(self, places: Collection[str], after: int) -> AsyncIterator[Filed]:
        """Yield the documents of these places from shortly before a second."""
        names = {f"@place{number}": place for number, place in enumerate(sorted(places))}
        query = f"SELECT * FROM c WHERE c.place IN ({', '.join(names)}) AND c._ts >= @since"  # noqa: S608, names only
        values = {**names, "@since": max(after - _OVERLAP_S, 0)}
        async for document in self._documents.select(query, values, page_size=_PAGE):
            yield _filed(document)

    async def due(self, after: str, until: str, limit: int) -> list[Filed]:
        """Return the first documents that are due between two texts."""
        found = self._documents.select(
            "SELECT * FROM c WHERE c.due > @after AND c.due <= @until ORDER BY c.due",
            {"@after": after, "@until": until},
            limit=limit,
        )
        return [_filed(document) async for document in found]

    async def read_mark(self, name: str) -> Document | None:
        """Return what a timer noted last."""
        found = await self._documents.read(name, _MARKS)
        return None if found is None else dict(found["content"])

    async def write_mark(self, name: str, mark: Document) -> None:
        """Note how far a timer has come."""
        async with self._account.container(REGISTERS) as container:
            await container.upsert_item({"id": name, "shard": _MARKS, "content": mark})

    async def forget(self, before: Instant) -> None:
        """Do nothing: the service removes documents at the end of their time to live."""


def _document(filing: Filing) -> Document:
    """Return a filing as an item; without `due` it is not among what timers come back to."""
    name = filing.id
    due = {} if filing.due is None else {"due": filing.due}
    return {
        "id": name,
        "shard": f"{filing.place}|{int(name, 16) % _SHARDS}",
        "place": filing.place,
        **due,
        "content": filing.content,
        "ttl": REGISTER_TTL_S,
    }


def _filed(document: Document) -> Filed:
    return Filed(
        document["id"],
        document["place"],
        document["content"],
        document.get("due"),
        document["_ts"],
    )
