"""The audit log in Cosmos DB: one item an entry, a day's in one partition."""

from contextlib import suppress

from azure.core.exceptions import ResourceExistsError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import AUDIT
from metering.core.basics.documents import Document
from metering.core.tenancy.audit import AuditEntry, Outcome

#: Sorts after every id.
_LAST = "~"


class CosmosAudit:
    """Implements AuditLog."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def append_audit(self, entry: AuditEntry) -> None:
        """Keep an entry; one of the same id stays as it is."""
        async with self._account.container(AUDIT) as container:
            with suppress(ResourceExistsError):
                await container.create_item({**entry._asdict(), "day": entry.day})

    async def read_audit(self, day: str, *, before: str | None, limit: int) -> list[AuditEntry]:
        """Return a UTC day's entries, newest first."""
        entries: list[AuditEntry] = []
        async with self._account.container(AUDIT) as container:
            found = container.query_items(
                "SELECT * FROM c WHERE c.id < @before ORDER BY c.id DESC",
                parameters=[{"name": "@before", "value": before or _LAST}],
                partition_key=day,
                max_item_count=limit,
            )
            async for document in found:
                entries.append(_entry(document))
                if len(entries) == limit:
                    break
        return entries


def _entry(document: Document) -> AuditEntry:
    values = {name: document[name] for name in AuditEntry._fields}
    return AuditEntry(**{**values, "outcome": Outcome(document["outcome"])})
