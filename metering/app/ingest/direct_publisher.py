"""Publish without a hub: events go straight into the ledgers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metering.app.hubs.batch import USAGE_HUB, Message
from metering.app.ingest.ingest import Ingest
from metering.ports import Outgoing


@dataclass(slots=True, kw_only=True)
class DirectPublisher:
    """Implements UsagePublisher without a hub: events go straight into the ledgers."""

    ingest: Callable[[], Ingest]
    """Returns the use case. Ingest needs this publisher itself, so it is built later."""

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Ingest the events; those that are rejected become dead letters of the hub `usage`."""
        messages = [Message(body, "joined", number) for number, (body, _) in enumerate(events)]
        await self.ingest().batch(messages, hub=USAGE_HUB, stop_for=0)

    async def close(self) -> None:
        """Do nothing: no connection was opened."""
