"""Effects in Cosmos DB: items beside the pages and the head of their ledger.

They lack the properties by which queries find pages and heads (`number`, `slot`, `tenant`,
`next_at`). Changes are patches that only set values: removing a missing property is an error.
"""

from contextlib import suppress
from typing import Any, Final

from azure.core.exceptions import ResourceNotFoundError
from azure.cosmos.exceptions import CosmosAccessConditionFailedError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import LEDGERS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.segments import last_checkpoint, ledger_of, partition_of
from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.effect import Effect, EffectKind
from metering.ports import StoredEffect

#: A delivered effect stays delivered: for any later change the condition fails.
_OPEN: Final = "FROM c WHERE NOT IS_DEFINED(c.delivered)"
_FAILED_ONCE: Final = {"op": "incr", "path": "/attempts", "value": 1}


def effect_document(effect: Effect) -> Document:
    """Return an effect as its commit writes it: due at once."""
    return {
        "id": effect.id,
        "ledger": partition_of(effect.ledger, effect.segment),
        "page": effect.page,
        "position": effect.position,
        "kind": effect.kind.value,
        "detail": effect.detail,
        "created": effect.created,
        "due": effect.created,
        "attempts": 0,
        "failure": "",
    }


class CosmosEffects:
    """Implements EffectStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, LEDGERS)

    async def due(self, now: Instant, limit: int) -> list[StoredEffect]:
        """Return the effects neither delivered nor parked that are due by `now`, oldest first."""
        return await self._select("c.due <= @value ORDER BY c.due", now, limit)

    async def settle(self, effect: Effect, at: Instant) -> None:
        """Record the delivery of an effect; its document stays."""
        await self._patch(effect, [_set("delivered", at), _set("due", None), _set("parked", None)])

    async def postpone(self, effect: Effect, due: Instant, reason: str) -> None:
        """Record a failed attempt and its reason; the next one is due at `due`."""
        changes = [_set("due", due), _set("failure", reason), _set("parked", None)]
        await self._patch(effect, [_FAILED_ONCE, *changes])

    async def park(self, effect: Effect, reason: str) -> None:
        """Record the last failed attempt and its reason; `parked` keeps the order of commits."""
        changes = [_set("due", None), _set("failure", reason), _set("parked", effect.created)]
        await self._patch(effect, [_FAILED_ONCE, *changes])

    async def parked(self, limit: int) -> list[StoredEffect]:
        """Return the parked effects, oldest commit first."""
        return await self._select("c.parked >= @value ORDER BY c.parked", 0, limit)

    async def effects_of(self, ledger: LedgerId, limit: int) -> list[Effect]:
        """Return a ledger's effects, delivered or not, newest first."""
        effects: list[Effect] = []
        head = await last_checkpoint(self._documents, ledger)
        for segment in range(1 + len(head.segments if head else ()), 0, -1):
            found = self._documents.select(
                "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix) ORDER BY c.id DESC",
                {"@prefix": "effect-"},
                partition=partition_of(ledger, segment),
                limit=limit,
            )
            effects += [_stored(document).effect async for document in found]
        return effects[:limit]

    async def _patch(self, effect: Effect, operations: list[dict[str, Any]]) -> None:
        async with self._account.container(LEDGERS) as container:
            with suppress(CosmosAccessConditionFailedError, ResourceNotFoundError):
                await container.patch_item(
                    effect.id,
                    partition_key=partition_of(effect.ledger, effect.segment),
                    patch_operations=operations,
                    filter_predicate=_OPEN,
                )

    async def _select(self, condition: str, value: Instant, limit: int) -> list[StoredEffect]:
        query = f"SELECT * FROM c WHERE {condition}"  # noqa: S608, a literal of above
        found = self._documents.select(query, {"@value": value}, limit=limit)
        return [_stored(document) async for document in found]


def _set(name: str, value: object) -> dict[str, Any]:
    return {"op": "set", "path": f"/{name}", "value": value}


def _stored(document: Document) -> StoredEffect:
    ledger, segment = ledger_of(document["ledger"])
    effect = Effect(
        ledger,
        document["page"],
        document["position"],
        EffectKind(document["kind"]),
        document["detail"],
        document["created"],
        segment,
    )
    return StoredEffect(effect, document["due"], document["attempts"], document["failure"])
