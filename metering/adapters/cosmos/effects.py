"""Effects in Cosmos DB: items beside the pages and the head of their ledger.

They have none of the properties by which pages and heads are found (`number`, `slot`, `tenant`,
`next_at`). Changes are patches that only set: to remove what is not there would be an error.
"""

from contextlib import suppress
from typing import Any, Final

from azure.core.exceptions import ResourceNotFoundError
from azure.cosmos.exceptions import CosmosAccessConditionFailedError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import LEDGERS
from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.effect import Effect, EffectKind
from metering.ports import StoredEffect

#: Whoever settles an effect decides for ever; for others the condition fails.
_OPEN: Final = "FROM c WHERE NOT IS_DEFINED(c.delivered)"
_FAILED_ONCE: Final = {"op": "incr", "path": "/attempts", "value": 1}


def effect_document(effect: Effect) -> Document:
    """Return an effect as its commit writes it: due at once."""
    return {
        "id": effect.id,
        "ledger": str(effect.ledger),
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

    async def due(self, now: Instant, limit: int) -> list[StoredEffect]:
        """Return those neither delivered nor parked that are due by `now`, oldest due first."""
        return await self._select("c.due <= @value ORDER BY c.due", now, limit)

    async def settle(self, effect: Effect, at: Instant) -> None:
        """Note that it was delivered; its document stays."""
        await self._patch(effect, [_set("delivered", at), _set("due", None), _set("parked", None)])

    async def postpone(self, effect: Effect, due: Instant, reason: str) -> None:
        """Note a failed attempt and its reason; it is due at `due`."""
        changes = [_set("due", due), _set("failure", reason), _set("parked", None)]
        await self._patch(effect, [_FAILED_ONCE, *changes])

    async def park(self, effect: Effect, reason: str) -> None:
        """Note a last failed attempt and its reason; parked ones are in order of their commits."""
        changes = [_set("due", None), _set("failure", reason), _set("parked", effect.created)]
        await self._patch(effect, [_FAILED_ONCE, *changes])

    async def parked(self, limit: int) -> list[StoredEffect]:
        """Return those that were given up, oldest commit first."""
        return await self._select("c.parked >= @value ORDER BY c.parked", 0, limit)

    async def effects_of(self, ledger: LedgerId, limit: int) -> list[Effect]:
        """Return a ledger's effects, delivered or not, newest first."""
        effects: list[Effect] = []
        async with self._account.container(LEDGERS) as container:
            found = container.query_items(
                "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix) ORDER BY c.id DESC",
                parameters=[{"name": "@prefix", "value": "effect-"}],
                partition_key=str(ledger),
                max_item_count=limit,
            )
            async for document in found:
                effects.append(_stored(document).effect)
                if len(effects) == limit:
                    break
        return effects

    async def _patch(self, effect: Effect, operations: list[dict[str, Any]]) -> None:
        async with self._account.container(LEDGERS) as container:
            with suppress(CosmosAccessConditionFailedError, ResourceNotFoundError):
                await container.patch_item(
                    effect.id,
                    partition_key=str(effect.ledger),
                    patch_operations=operations,
                    filter_predicate=_OPEN,
                )

    async def _select(self, condition: str, value: Instant, limit: int) -> list[StoredEffect]:
        effects: list[StoredEffect] = []
        async with self._account.container(LEDGERS) as container:
            found = container.query_items(
                f"SELECT * FROM c WHERE {condition}",  # noqa: S608, a literal of above
                parameters=[{"name": "@value", "value": value}],
                max_item_count=limit,
            )
            async for document in found:
                effects.append(_stored(document))
                if len(effects) == limit:
                    break
        return effects


def _set(name: str, value: object) -> dict[str, Any]:
    return {"op": "set", "path": f"/{name}", "value": value}


def _stored(document: Document) -> StoredEffect:
    effect = Effect(
        LedgerId.parse(document["ledger"]),
        document["page"],
        document["position"],
        EffectKind(document["kind"]),
        document["detail"],
        document["created"],
    )
    return StoredEffect(effect, document["due"], document["attempts"], document["failure"])
