"""Pending halves in Cosmos DB: partitioned by request, gone a week after they are settled."""

import base64
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from azure.core.exceptions import ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import PENDING
from metering.core.instants import Instant
from metering.core.pending import SETTLED_TTL_S
from metering.ports import PendingHalf

_IDENTITY: Final = "identity"


class CosmosPending:
    """Implements PendingStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def put_identities(self, halves: Sequence[PendingHalf]) -> None:
        """Keep these; one that is there already stays as it is."""
        documents = [
            {
                "id": _IDENTITY,
                "request_id": half.request_id,
                "body": base64.b64encode(half.body).decode(),
                "since": half.since,
            }
            for half in halves
        ]
        await self._account.create_all(PENDING, documents)

    async def identities_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest unresolved halves that started before `instant`."""
        halves: list[PendingHalf] = []
        async with self._account.container(PENDING) as container:
            found = container.query_items(
                "SELECT * FROM c WHERE c.since < @instant AND NOT IS_DEFINED(c.settled)"
                " ORDER BY c.since",
                parameters=[{"name": "@instant", "value": instant}],
                max_item_count=limit,
            )
            async for document in found:
                content = base64.b64decode(document["body"])
                halves.append(PendingHalf(document["request_id"], content, document["since"]))
                if len(halves) == limit:
                    break
        return halves

    async def resolve(self, request_ids: Sequence[str]) -> None:
        """Mark these as settled: only from now on do they have a time to live."""
        async with self._account.container(PENDING) as container:
            for request_id in request_ids:
                with suppress(ResourceNotFoundError):
                    await container.patch_item(
                        _IDENTITY,
                        partition_key=request_id,
                        patch_operations=[
                            {"op": "set", "path": "/ttl", "value": SETTLED_TTL_S},
                            {"op": "set", "path": "/settled", "value": True},
                        ],
                    )
