"""Pending halves in Cosmos DB, partitioned by request.

A point read after a create in the same partition, with the session's token, sees whatever was
committed there before that create: so of two writers of halves the later sees both.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal

from azure.core.exceptions import ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import PENDING
from metering.adapters.cosmos.ledger import is_missing_item
from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.streams.lifetimes import LOG_TTL_S, SETTLED_TTL_S
from metering.ports import LogHalf, PendingCounts, PendingHalf

_IDENTITY: Final = "identity"


class CosmosPending:
    """Implements PendingStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def put_identities(self, halves: Sequence[PendingHalf]) -> None:
        """Keep these; one that is there already stays as it is."""
        documents = [{**_document(_IDENTITY, half), "since": half.since} for half in halves]
        await self._account.create_all(PENDING, documents)

    async def identities_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest unresolved halves that started before `instant`."""
        return await self._before(_IDENTITY, instant, limit)

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

    async def put_logs(self, kind: LogHalf, halves: Sequence[PendingHalf]) -> frozenset[str]:
        """Keep these and return the ids of those that were there already."""
        # Only what is looked for by age has the indexed property.
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
        """Return the bodies that are there by request id: point reads, never a query."""
        found: dict[str, bytes] = {}

        async def read(request_id: str) -> None:
            try:
                document = await container.read_item(kind, partition_key=request_id)
            except ResourceNotFoundError as error:
                if not is_missing_item(error):
                    raise
            else:
                found[request_id] = base64.b64decode(document["body"])

        async with self._account.container(PENDING) as container:
            await self._account.each(request_ids, read)
        return found

    async def recoveries_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest halves of kind `recovery` that came before `instant`."""
        return await self._before("recovery", instant, limit)

    async def remove_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> None:
        """Forget these; one that is gone already is no error."""

        async def remove(request_id: str) -> None:
            with suppress(ResourceNotFoundError):
                await container.delete_item(kind, partition_key=request_id)

        async with self._account.container(PENDING) as container:
            await self._account.each(request_ids, remove)

    async def forget_logs(self, before: Instant) -> None:
        """Do nothing: the service lets go of them at the end of their time to live."""

    async def count_waiting(self) -> int:
        """Return how many streams wait for their counts."""
        return await self._count("c.id = 'identity' AND NOT IS_DEFINED(c.settled)")

    async def count_pending(self) -> PendingCounts:
        """Return how many there are of each sort."""
        return PendingCounts(
            await self.count_waiting(),
            await self._count("c.id = 'identity' AND IS_DEFINED(c.settled)"),
            await self._count("c.id = 'tokens'"),
            await self._count("c.id = 'recovery'"),
        )

    async def _count(self, condition: str) -> int:
        total = 0
        async with self._account.container(PENDING) as container:
            counts = container.query_items(
                f"SELECT VALUE COUNT(1) FROM c WHERE {condition}"  # noqa: S608, our own literals
            )
            async for count in counts:
                total += int(count)  # type: ignore[call-overload]  # a value, not a document
        return total

    async def _before(self, kind: str, instant: Instant, limit: int) -> list[PendingHalf]:
        halves: list[PendingHalf] = []
        async with self._account.container(PENDING) as container:
            found = container.query_items(
                "SELECT * FROM c WHERE c.id = @kind AND c.since < @instant"
                " AND NOT IS_DEFINED(c.settled) ORDER BY c.since",
                parameters=[
                    {"name": "@kind", "value": kind},
                    {"name": "@instant", "value": instant},
                ],
                max_item_count=limit,
            )
            async for document in found:
                content = base64.b64decode(document["body"])
                halves.append(PendingHalf(document["request_id"], content, document["since"]))
                if len(halves) == limit:
                    break
        return halves


def _document(kind: str, half: PendingHalf) -> Document:
    body = base64.b64encode(half.body).decode()
    return {"id": kind, "request_id": half.request_id, "body": body}
