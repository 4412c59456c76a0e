"""Waits at the end of batches, and their end when the host stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from metering.core.basics.instants import SECOND, Instant
from metering.core.hubs.batch_wait import wait_after

type Source = tuple[str, str]
"""A function and a partition that it reads."""

#: More than a process can own: 32 partitions of two hubs, and of hubs that it has replaced.
_MOST_SOURCES: Final = 1_024


@dataclass(slots=True, kw_only=True)
class BatchWaits:
    """Waits of one process.

    The work of a batch is done before its wait. So whatever ends the process then loses nothing:
    the batch is delivered again, and its events are duplicates.
    """

    longest: Instant
    """In microseconds; 0: there are no waits."""
    _ended: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _last: dict[Source, float] = field(init=False, default_factory=dict)
    """When the last batch of each source was over, by the event loop's clock."""

    @asynccontextmanager
    async def around(self, source: Source, events: int) -> AsyncIterator[None]:
        """Wait after the body, which takes in a batch of so many events, unless it raises."""
        last = self._last.get(source)
        idle = None if last is None else round((_now() - last) * SECOND)
        yield
        seconds = wait_after(events, idle, self.longest) / SECOND
        if seconds:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._ended.wait()
        if len(self._last) >= _MOST_SOURCES:
            self._last.clear()
        self._last[source] = _now()

    def end(self) -> None:
        """End every wait, now and from now on: the host stops."""
        self._ended.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
