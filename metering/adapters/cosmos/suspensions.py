"""Suspensions in Cosmos DB: items in one partition of the registry, replaced by ETag.

They are few, and read whole; beside the records they cost no container of their own.
"""

from hashlib import sha256
from typing import Final

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.cosmos.exceptions import CosmosAccessConditionFailedError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import REGISTRY
from metering.adapters.cosmos.ledger import is_missing_item
from metering.core.basics.documents import Document
from metering.core.quotas.suspension import Phase, Suspension
from metering.ports import StoredSuspension

_PARTITION: Final = "suspensions"


class CosmosSuspensions:
    """Implements SuspensionStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def list_suspensions(self) -> list[StoredSuspension]:
        """Return all of them, by subscription."""
        async with self._account.container(REGISTRY) as container:
            found = container.query_items(
                "SELECT * FROM c WHERE c.registry = @partition",
                parameters=[{"name": "@partition", "value": _PARTITION}],
                partition_key=_PARTITION,
            )
            return sorted([_stored(document) async for document in found])

    async def put_suspension(self, suspension: Suspension, etag: str | None) -> str | None:
        """Write one, unless there is another one (or none) by now."""
        document = _document(suspension)
        async with self._account.container(REGISTRY) as container:
            try:
                if etag is None:
                    made = await container.create_item(document)
                else:
                    made = await container.replace_item(
                        document["id"],
                        document,
                        etag=etag,
                        match_condition=MatchConditions.IfNotModified,
                    )
            except (ResourceExistsError, CosmosAccessConditionFailedError):
                return None
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return None
                raise
        return str(made["_etag"])

    async def remove_suspension(self, subscription: str, etag: str) -> bool:
        """Remove one, unless there is another one or none by now."""
        async with self._account.container(REGISTRY) as container:
            try:
                await container.delete_item(
                    _name(subscription),
                    partition_key=_PARTITION,
                    etag=etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except CosmosAccessConditionFailedError:
                return False
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return False
                raise
        return True


def _name(subscription: str) -> str:
    """Return an id: a subscription's own name may have letters that an id may not."""
    return f"suspension-{sha256(subscription.encode()).hexdigest()}"


def _document(suspension: Suspension) -> Document:
    return {
        "id": _name(suspension.subscription),
        "registry": _PARTITION,
        **suspension._asdict(),
        "phase": suspension.phase.value,
    }


def _stored(document: Document) -> StoredSuspension:
    values = {name: document[name] for name in Suspension._fields}
    return StoredSuspension(
        Suspension(**{**values, "phase": Phase(document["phase"])}), str(document["_etag"])
    )
