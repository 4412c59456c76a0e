"""Publishes complete events where there is no hub: straight into the use case behind it."""

from collections.abc import Callable, Sequence

from metering.app.batch import USAGE_HUB, Message
from metering.app.ingest import Ingest
from metering.ports import Outgoing


class DirectPublisher:
    """Implements UsagePublisher for one process over a store of its own."""

    def __init__(self, ingest: Callable[[], Ingest]) -> None:
        """Take what returns the use case: it publishes too, so it cannot be there first."""
        self._ingest = ingest

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Count the events; what cannot be counted becomes a dead letter of the hub `usage`."""
        messages = [Message(body, "joined", number) for number, (body, _) in enumerate(events)]
        await self._ingest().batch(messages, hub=USAGE_HUB, stop_for=0)

    async def close(self) -> None:
        """Nothing was opened."""
