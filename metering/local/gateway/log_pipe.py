"""Sends log records to the hub as Azure Monitor does: late, batched, without a partition key."""

import asyncio
import json
from collections import deque
from itertools import batched
from typing import Final

from metering.app.hubs.batch import LOGS_HUB
from metering.local.gateway.log_records import GATEWAY, LLM
from metering.local.gateway.refusals import Json
from metering.local.hubs.hub import EmbeddedHub

_RECORDS_AN_EVENT: Final = 8
#: Then the oldest go out before their time: memory stays bounded at any rate of requests.
_MAX_WAITING: Final = 20_000
_TICK_S: Final = 0.05


class LogPipe:
    """Holds records back for `delay_s` seconds. Without a reader of the hub they are dropped.

    A hub is declared by the function that reads it; an unread one would only grow.
    """

    def __init__(self, hub: EmbeddedHub, delay_s: float) -> None:
        self._hub = hub
        self._delay_s = delay_s
        self._waiting: deque[tuple[float, Json]] = deque()

    def put(self, records: list[Json]) -> None:
        """Queue the records of one request."""
        due = asyncio.get_running_loop().time() + self._delay_s
        self._waiting.extend((due, record) for record in records)
        if len(self._waiting) > _MAX_WAITING:
            self._send(len(self._waiting) - _MAX_WAITING)

    async def run(self) -> None:
        """Send due records until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            now = asyncio.get_running_loop().time()
            self._send(sum(due <= now for due, _ in self._waiting))

    def flush(self) -> None:
        """Send everything now."""
        self._send(len(self._waiting))

    def _send(self, count: int) -> None:
        """Send the oldest records. Each category has its own events, so halves separate."""
        records = [self._waiting.popleft()[1] for _ in range(count)]
        if not records or not self._hub.is_declared(LOGS_HUB):
            return
        events: list[tuple[bytes, str | None]] = []
        for category in (LLM, GATEWAY):
            rows = (record for record in records if record["category"] == category)
            events += [
                (json.dumps({"records": together}).encode(), None)
                for together in batched(rows, _RECORDS_AN_EVENT, strict=False)
            ]
        self._hub.send(LOGS_HUB, events)
