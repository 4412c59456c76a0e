"""The usual design to compare with: an item for every event, and a balance that counts along."""

import json
from collections.abc import Sequence
from typing import Any, Final

from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy

from metering.adapters.cosmos.account import CosmosAccount
from metering.settings.settings import CosmosStore

_CONTAINER: Final = "usage"
_BALANCE: Final = "balance"
#: How long an id is known: as long as hubs and logs may deliver an event again.
_TTL_S: Final = 30 * 24 * 3600


class UsualDesign:
    """The event as it came, created under its id so that a second one is refused; one patch."""

    def __init__(self, store: CosmosStore) -> None:
        self._account = CosmosAccount(store.endpoint, store.database, store.key)
        self._container: ContainerProxy | None = None

    async def prepare(self, subjects: Sequence[str]) -> None:
        """Make the container and a balance for everybody."""
        client = await self._account.client()
        database = await client.create_database(self._account.database)
        self._container = await database.create_container(
            _CONTAINER, PartitionKey(path="/subject"), default_ttl=-1
        )
        for subject in subjects:
            balance = {"id": _BALANCE, "subject": subject, "requests": 0, "tokens": 0, "cost": 0}
            await self._container.create_item(balance)

    async def count(self, body: bytes) -> None:
        """Count one event with two requests: what is lost between them is lost."""
        assert self._container is not None
        event = _item(body)
        await self._container.create_item(event, no_response=True)
        await self._container.patch_item(
            _BALANCE, event["subject"], _increments(event), no_response=True
        )

    async def begin(self, body: bytes) -> None:
        """Keep a stream until the log tells its tokens."""
        assert self._container is not None
        await self._container.create_item(_item(body), no_response=True)

    async def is_known(self, body: bytes) -> None:
        """Look up whether the request of a log row was counted."""
        assert self._container is not None
        event = json.loads(body)
        await self._container.read_item(event["id"], event["subject"])

    async def settle(self, body: bytes) -> None:
        """Count a stream that its log row has found: its item, and the balance."""
        assert self._container is not None
        event = _item(body)
        changes = [{"op": "set", "path": "/usage", "value": event["data"]["usage"]}]
        await self._container.patch_item(event["id"], event["subject"], changes, no_response=True)
        await self._container.patch_item(
            _BALANCE, event["subject"], _increments(event), no_response=True
        )

    async def count_together(self, body: bytes) -> None:
        """Count one event in one transaction: exactly once, a request an event."""
        assert self._container is not None
        event = _item(body)
        operations: list[Any] = [
            ("create", (event,)),
            ("patch", (_BALANCE, _increments(event))),
        ]
        await self._container.execute_item_batch(operations, event["subject"])

    async def close(self) -> None:
        """Let the connections go."""
        await self._account.close()


def _item(body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(body)
    return {**event, "ttl": _TTL_S}


def _increments(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the changes of a balance; rating is left out, it costs no request units."""
    usage = event["data"]["usage"]
    tokens = sum(value for value in usage.values() if isinstance(value, int))
    changes = {"requests": 1, "tokens": tokens, "cost": tokens}
    return [{"op": "incr", "path": f"/{name}", "value": value} for name, value in changes.items()]
