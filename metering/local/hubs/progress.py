"""The progress of the embedded hub: its oldest event that has not been counted."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import Instant
from metering.local.hubs.hub import EmbeddedHub
from metering.ports import Clock

#: One statement, so a view of one moment, whatever the running system writes meanwhile.
_OLDEST: Final = """
    SELECT MIN((
        SELECT e.enqueued_us FROM events AS e
        WHERE e.hub = p.hub AND e.partition = p.partition
        AND e.sequence_number > COALESCE(c.sequence_number, -1)
        ORDER BY e.sequence_number LIMIT 1))
    FROM partitions AS p LEFT JOIN checkpoints AS c
    ON c.hub = p.hub AND c.partition = p.partition AND c.consumer_group = ? WHERE p.hub = ?"""


class LocalHubProgress:
    """HubProgress over a hub file, for the hubs and consumer groups in use."""

    def __init__(self, file: EmbeddedHub, clock: Clock, hubs: Sequence[tuple[str, str]]) -> None:
        self._file = file
        self._clock = clock
        self._hubs = hubs

    async def counted_until(self) -> Instant:
        """Return the arrival of the oldest uncounted event; now if all are counted."""
        return min((await self.counted_by_hub()).values(), default=self._clock.now())

    async def counted_by_hub(self) -> Mapping[str, Instant]:
        """Return for each hub the arrival of its oldest uncounted event; now if all are counted."""
        return await asyncio.to_thread(self._counted_by_hub)

    def _counted_by_hub(self) -> dict[str, Instant]:
        now = self._clock.now()
        found: dict[str, Instant] = {}
        try:
            for hub, group in self._hubs:
                oldest = self._file.file.rows(_OLDEST, (group, hub))[0][0]
                found[hub] = now if oldest is None else min(now, oldest)
        except sqlite3.Error as error:
            raise RetryableError(f"the embedded hub: {error}") from error
        return found
