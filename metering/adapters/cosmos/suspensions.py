"""Suspensions in Cosmos DB: items in one partition of the registry, replaced by ETag.

They are few and read whole; beside the records they need no container of their own.
"""

from hashlib import sha256
from typing import Final

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import REGISTRY
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.documents import Document
from metering.core.quotas.suspension import Phase, Suspension
from metering.ports import StoredSuspension

_PARTITION: Final = "suspensions"


class CosmosSuspensions:
    """Implements SuspensionStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._documents = CosmosDocuments(account, REGISTRY)

    async def list_suspensions(self) -> list[StoredSuspension]:
        """Return all suspensions, by subscription."""
        found = self._documents.select(
            "SELECT * FROM c WHERE c.registry = @partition",
            {"@partition": _PARTITION},
            partition=_PARTITION,
        )
        return sorted([_stored(document) async for document in found])

    async def put_suspension(self, suspension: Suspension, etag: str | None) -> str | None:
        """Create or replace a suspension; return None if it has changed or is gone."""
        document = {
            "id": _name(suspension.subscription),
            "registry": _PARTITION,
            **suspension._asdict(),
            "phase": suspension.phase.value,
        }
        return await self._documents.put(document, etag)

    async def remove_suspension(self, subscription: str, etag: str) -> bool:
        """Remove a suspension; return False if it has changed or is gone."""
        return await self._documents.remove(_name(subscription), _PARTITION, etag)


def _name(subscription: str) -> str:
    """Return an id: a subscription's name may contain letters that an id must not."""
    return f"suspension-{sha256(subscription.encode()).hexdigest()}"


def _stored(document: Document) -> StoredSuspension:
    values = {name: document[name] for name in Suspension._fields}
    return StoredSuspension(
        Suspension(**{**values, "phase": Phase(document["phase"])}), str(document["_etag"])
    )
