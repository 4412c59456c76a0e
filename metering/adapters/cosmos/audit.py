"""The audit log in Cosmos DB: one item for each entry, one partition for each day."""

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import AUDIT
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.documents import Document
from metering.core.tenancy.audit import AuditEntry, Outcome

#: Sorts after every id.
_LAST = "~"


class CosmosAudit:
    """Implements AuditLog."""

    def __init__(self, account: CosmosAccount) -> None:
        self._documents = CosmosDocuments(account, AUDIT)

    async def append_audit(self, entry: AuditEntry) -> None:
        """Store an entry, unless its id exists."""
        await self._documents.create({**entry._asdict(), "day": entry.day})

    async def read_audit(self, day: str, *, before: str | None, limit: int) -> list[AuditEntry]:
        """Return a UTC day's entries, newest first."""
        found = self._documents.select(
            "SELECT * FROM c WHERE c.id < @before ORDER BY c.id DESC",
            {"@before": before or _LAST},
            partition=day,
            limit=limit,
        )
        return [_entry(document) async for document in found]


def _entry(document: Document) -> AuditEntry:
    values = {name: document[name] for name in AuditEntry._fields}
    return AuditEntry(**{**values, "outcome": Outcome(document["outcome"])})
