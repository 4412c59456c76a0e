"""Tenants and plans in Cosmos DB: one sequence of records in one partition."""

from typing import Final

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import REGISTRY
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.documents import Document, exact, read_whole
from metering.core.tenancy.record import Record

_PARTITION: Final = "records"


class CosmosRegistry:
    """Implements RegistryStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._documents = CosmosDocuments(account, REGISTRY)

    async def read_records(self, after: int) -> list[Record]:
        """Return the records beyond the first `after`: a point read if there are no new ones.

        A query may lag behind a commit. The records end before the first number that it lacks:
        the caller continues from their count, and would never read a record that was skipped.
        """
        if await self._documents.read(_name(after + 1), _PARTITION) is None:
            return []
        records: list[Record] = []
        found = self._documents.select(
            "SELECT * FROM c WHERE c.number > @after ORDER BY c.number",
            {"@after": after},
            partition=_PARTITION,
        )
        async for document in found:
            if document["number"] == after + len(records) + 1:
                records.append(_record(document))
        return records

    async def append_record(self, record: Record, expected: int) -> bool:
        """Append a record as number `expected` + 1; return False if that number is taken."""
        number = expected + 1
        document = {"id": _name(number), "registry": _PARTITION, "number": number}
        # A decision may take effect at any time that can be written, so beyond 2^53 microseconds.
        times = {"effective": exact(record.effective), "recorded": exact(record.recorded)}
        return await self._documents.create({**document, **record._asdict(), **times})


def _record(document: Document) -> Record:
    effective, recorded = read_whole(document["effective"]), read_whole(document["recorded"])
    # Records from before they were chained have no hash.
    digest = document.get("hash", "")
    return Record(document["kind"], document["key"], document["value"], effective, recorded, digest)


def _name(number: int) -> str:
    return f"record-{number:08d}"
