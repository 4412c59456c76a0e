"""Sends log records to the hub as Azure Monitor does: late, batched, without a partition key."""

import asyncio
import json
from collections import deque
from itertools import batched
from typing import Final

from metering.app.hubs.batch import LOGS_HUB
from metering.local.gateway.kept_logs import KeptLogs
from metering.local.gateway.log_records import GATEWAY, LLM
from metering.local.gateway.refusals import Json
from metering.local.hubs.hub import EmbeddedHub

_RECORDS_AN_EVENT: Final = 8
#: Then the oldest go out before their time: memory stays bounded at any rate of requests.
_MAX_WAITING: Final = 20_000
_TICK_S: Final = 0.05


class LogPipe:
    """Holds records back for `delay_s` seconds. Without a reader of the hub they are dropped.

    A hub is declared by the function that reads it; an unread one would only grow. Records of
    requests are in the hub's file until they are sent, so a process that is killed loses none: the
    next one sends them.
    """

    def __init__(self, hub: EmbeddedHub, delay_s: float) -> None:
        self._hub = hub
        self._delay_s = delay_s
        self._kept = KeptLogs(hub.file)
        self._waiting: deque[tuple[float, str, Json]] = deque(
            (0.0, request_id, record)
            for request_id, records in self._kept.left()
            for record in records
        )

    def begin(self, request_id: str, records: list[Json]) -> None:
        """Keep what is known of a request that goes on: only a process that is killed sends it."""
        if self._hub.is_declared(LOGS_HUB):
            self._kept.keep(request_id, records)

    def put(self, request_id: str, records: list[Json]) -> None:
        """Queue the records of one request that has ended."""
        self.begin(request_id, records)
        due = asyncio.get_running_loop().time() + self._delay_s
        self._waiting.extend((due, request_id, record) for record in records)
        if len(self._waiting) > _MAX_WAITING:
            self._send(len(self._waiting) - _MAX_WAITING)

    async def run(self) -> None:
        """Send due records until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            now = asyncio.get_running_loop().time()
            self._send(sum(due <= now for due, _, _ in self._waiting))

    def flush(self) -> None:
        """Send everything now."""
        self._send(len(self._waiting))

    def _send(self, count: int) -> None:
        """Send the oldest records. Each category has its own events, so halves separate."""
        taken = [self._waiting.popleft() for _ in range(count)]
        records = [record for _, _, record in taken]
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
        # Sent again rather than lost: one that was cut in two goes with its last record.
        going_on = {self._waiting[0][1]} if self._waiting else set()
        self._kept.drop({request_id for _, request_id, _ in taken} - going_on)
