"""Hubs to publish to and to look into, behind one face: the embedded one, the peer, a real one."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple, Protocol, cast

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

from metering.adapters.hubs.publisher import EventHubsPublisher
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.publisher import EmbeddedPublisher
from metering.ports import UsagePublisher
from tests.doubles.event_hubs import EventHubsPeer

_PATIENCE_S = 30


class Arrived(NamedTuple):
    """An event in a partition, in the order of its partition."""

    partition: str
    key: str
    body: bytes


class Hubs(Protocol):
    """A namespace with a hub `usage`."""

    def publisher(self, hub: str = "usage") -> UsagePublisher: ...

    async def read(self, count: int) -> list[Arrived]:
        """Return what has been published since the test began, `count` events."""
        ...


class EmbeddedHubs:
    """Ours: a file."""

    def __init__(self, hub: EmbeddedHub) -> None:
        self.hub = hub
        hub.declare("usage", 4)

    def publisher(self, hub: str = "usage") -> UsagePublisher:
        return EmbeddedPublisher(self.hub, hub)

    async def read(self, count: int) -> list[Arrived]:
        return [
            Arrived(str(partition), event.partition_key or "", event.body)
            for partition in range(4)
            for event in self.hub.receive("usage", partition, None, count)
        ]


class PeerHubs:
    """Our peer of Event Hubs, through the unmodified client."""

    def __init__(self, peer: EventHubsPeer) -> None:
        self.peer = peer

    def publisher(self, hub: str = "usage") -> UsagePublisher:
        return EventHubsPublisher("127.0.0.1", hub, self.peer.connection_string)

    async def read(self, count: int) -> list[Arrived]:
        del count
        events = self.peer.events("usage")
        return [Arrived(str(event.partition), event.key or "", event.body) for event in events]


class RealHubs:
    """A namespace or the official emulator, with a hub `usage` that others may have used before."""

    def __init__(self, connection_string: str) -> None:
        self.connection_string = connection_string
        self.client = EventHubConsumerClient.from_connection_string(
            connection_string, "$Default", eventhub_name="usage"
        )
        self.starts: dict[str, int] = {}

    async def begin(self) -> None:
        """Note where each partition ends now."""
        for partition in await self.client.get_partition_ids():
            found = await self.client.get_partition_properties(partition)
            self.starts[partition] = found["last_enqueued_sequence_number"]

    def publisher(self, hub: str = "usage") -> UsagePublisher:
        return EventHubsPublisher("endpoint", hub, self.connection_string)

    async def read(self, count: int) -> list[Arrived]:
        found: list[Arrived] = []
        enough = asyncio.Event()

        async def take(context: PartitionContext, events: list[EventData]) -> None:
            for event in events:
                key = event.partition_key
                text = key.decode() if isinstance(key, bytes) else key or ""
                found.append(Arrived(context.partition_id, text, _body(event)))
            if len(found) >= count:
                enough.set()

        async with asyncio.timeout(_PATIENCE_S):
            receiving = asyncio.create_task(
                self.client.receive_batch(
                    take, starting_position=dict(self.starts), max_wait_time=0.1
                )
            )
            if count:
                await enough.wait()
            receiving.cancel()
            await asyncio.wait([receiving])
        return sorted(found, key=lambda event: event.partition)


def _body(event: EventData) -> bytes:
    return b"".join(cast("Iterable[bytes]", event.body))
