"""Publishes to the embedded hub, which stands in for Event Hubs."""

import asyncio
import sqlite3
from collections.abc import Sequence

from metering.core.basics.errors import Code, RejectedEvent, RetryableError
from metering.core.hubs.partition_key import check_key
from metering.local.hubs.hub import EmbeddedHub, HubRefused
from metering.ports import Outgoing


class EmbeddedPublisher:
    """One hub of a file. The caller closes the file."""

    def __init__(self, hubs: EmbeddedHub, hub: str) -> None:
        self._hubs = hubs
        self._hub = hub

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Publish all events or none."""
        for _, key in events:
            check_key(key)
        try:
            await asyncio.to_thread(self._hubs.send, self._hub, events)
        except HubRefused as error:
            raise RejectedEvent(Code.TOO_LARGE, str(error)) from error
        except sqlite3.OperationalError as error:
            raise RetryableError(f"hub {self._hub}: {error}") from error

    async def close(self) -> None:
        """Do nothing."""
