"""Partial records that versions before the register left in Cosmos DB, partitioned by request."""

import base64
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Literal

from azure.core.exceptions import ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import PENDING
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.ports import PendingHalf, PendingKind


class CosmosPending:
    """Implements PendingStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, PENDING)

    async def read_pending(
        self, kind: Literal["identity", "recovery"], limit: int
    ) -> list[PendingHalf]:
        """Return the oldest halves of a kind; only these two have the indexed property."""
        found = self._documents.select(
            "SELECT * FROM c WHERE c.id = @kind AND c.since >= 0 ORDER BY c.since",
            {"@kind": kind},
            limit=limit,
        )
        return [
            PendingHalf(
                one["request_id"], base64.b64decode(one["body"]), one["since"], "settled" in one
            )
            async for one in found
        ]

    async def read_halves(
        self, kind: Literal["tokens", "gateway"], request_ids: Collection[str]
    ) -> Mapping[str, bytes]:
        """Return the bodies that exist, by request id: point reads, never a query."""
        found: dict[str, bytes] = {}

        async def read(request_id: str) -> None:
            document = await self._documents.read(kind, request_id)
            if document is not None:
                found[request_id] = base64.b64decode(document["body"])

        await self._account.each(request_ids, read)
        return found

    async def remove_halves(self, kind: PendingKind, request_ids: Collection[str]) -> None:
        """Remove halves; ignore those that are already gone."""

        async def remove(request_id: str) -> None:
            with suppress(ResourceNotFoundError):
                await container.delete_item(kind, partition_key=request_id)

        async with self._account.container(PENDING) as container:
            await self._account.each(request_ids, remove)
