"""Pending halves in Cosmos DB, partitioned by request.

A point read after a create in the same partition, with the session's token, sees every earlier
commit there: of two processes that write the halves of a request, the later one sees both.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal

from azure.core.exceptions import ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import PENDING
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.streams.lifetimes import LOG_TTL_S, SETTLED_TTL_S
from metering.ports import LogHalf, PendingCounts, PendingHalf

_IDENTITY: Final = "identity"


class CosmosPending:
    """Implements PendingStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, PENDING)

    async def put_identities(self, halves: Sequence[PendingHalf]) -> None:
        """Store identities, except those that exist."""
        documents = [{**_document(_IDENTITY, half), "since": half.since} for half in halves]
        await self._account.create_all(PENDING, documents)

    async def identities_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest unresolved identities that started before `instant`."""
        return await self._before(_IDENTITY, instant, limit)

    async def resolve(self, request_ids: Sequence[str]) -> None:
        """Mark identities as settled, which starts their time to live."""
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

    async def put_logs(self, kind: LogHalf, halves: Sequence[PendingHalf]) -> frozenset[str]:
        """Store halves and return the request ids of those that existed."""
        # Only halves that a query finds by age have the indexed property.
        life: Document = {"ttl": LOG_TTL_S}
        there = await self._account.create_all(
            PENDING,
            [
                _document(kind, half) | ({"since": half.since} if kind == "recovery" else life)
                for half in halves
            ],
        )
        return frozenset(document["request_id"] for document in there)

    async def read_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> Mapping[str, bytes]:
        """Return the bodies that exist, by request id: point reads, never a query."""
        found: dict[str, bytes] = {}

        async def read(request_id: str) -> None:
            document = await self._documents.read(kind, request_id)
            if document is not None:
                found[request_id] = base64.b64decode(document["body"])

        await self._account.each(request_ids, read)
        return found

    async def recoveries_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest halves of kind `recovery` from before `instant`."""
        return await self._before("recovery", instant, limit)

    async def remove_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> None:
        """Remove halves; ignore those that are already gone."""

        async def remove(request_id: str) -> None:
            with suppress(ResourceNotFoundError):
                await container.delete_item(kind, partition_key=request_id)

        async with self._account.container(PENDING) as container:
            await self._account.each(request_ids, remove)

    async def forget_logs(self, before: Instant) -> None:
        """Do nothing: the service removes them at the end of their time to live."""

    async def count_waiting(self) -> int:
        """Return the number of streams that wait for their counts."""
        return await self._count("c.id = 'identity' AND NOT IS_DEFINED(c.settled)")

    async def count_pending(self) -> PendingCounts:
        """Return the number of halves of each kind."""
        return PendingCounts(
            await self.count_waiting(),
            await self._count("c.id = 'identity' AND IS_DEFINED(c.settled)"),
            await self._count("c.id = 'tokens'"),
            await self._count("c.id = 'recovery'"),
        )

    async def _count(self, condition: str) -> int:
        query = f"SELECT VALUE COUNT(1) FROM c WHERE {condition}"  # noqa: S608, our own literals
        # The results are numbers, not documents.
        return sum([int(count) async for count in self._documents.select(query)])  # type: ignore[call-overload]

    async def _before(self, kind: str, instant: Instant, limit: int) -> list[PendingHalf]:
        found = self._documents.select(
            "SELECT * FROM c WHERE c.id = @kind AND c.since < @instant"
            " AND NOT IS_DEFINED(c.settled) ORDER BY c.since",
            {"@kind": kind, "@instant": instant},
            limit=limit,
        )
        return [
            PendingHalf(one["request_id"], base64.b64decode(one["body"]), one["since"])
            async for one in found
        ]


def _document(kind: str, half: PendingHalf) -> Document:
    body = base64.b64encode(half.body).decode()
    return {"id": kind, "request_id": half.request_id, "body": body}
