"""Publish the complete events of streams of which both halves are here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.hubs.batch import LOGS_HUB, Message, letter_of
from metering.app.hubs.publish import publish
from metering.core.basics.errors import RejectedEvent
from metering.core.streams.gateway_log import read_log
from metering.core.streams.joining import complete
from metering.core.streams.log_rows import LlmRow
from metering.ports import Clock, DeadLetter, PendingStore, UsagePublisher


class Completed(NamedTuple):
    """What became of streams."""

    request_ids: frozenset[str]
    """Those that need no longer wait."""
    letters: list[DeadLetter]
    """What could not be counted or published; it is still to be put aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteStreams:
    """The step that `ingest_usage`, `join_usage` and `expire_pending` share."""

    pending: PendingStore
    publisher: UsagePublisher
    clock: Clock

    async def complete(
        self, identities: Mapping[str, bytes], tokens: Mapping[str, bytes], *, kept: bool = True
    ) -> Completed:
        """Publish the requests that both mappings have, then forget their halves.

        `kept`: whether the counts are in the store too.

        RetryableError when not all of them are known to be published: then the halves stay. Safe
        to repeat, and for several processes at once.
        """
        now = self.clock.now()
        events: dict[str, bytes] = {}
        letters: list[DeadLetter] = []
        for request_id in identities.keys() & tokens.keys():
            body = tokens[request_id]
            try:
                events[request_id] = complete(identities[request_id], row_of(body))
            except RejectedEvent as why:
                message = Message(body, "", 0)
                letters.append(letter_of(LOGS_HUB, message, now, why))
        if events:
            letters += await publish(self.publisher, events.values(), now)
            # The identity first: alone it would wait for a day, alone its counts just lapse.
            await self.pending.remove_halves("identity", events.keys())
            if kept:
                await self.pending.remove_halves("tokens", events.keys())
        return Completed(frozenset(events), letters)


def row_of(body: bytes) -> LlmRow:
    """Return the counts in a half of kind `tokens`."""
    (row,) = read_log(body).llm_rows
    return row
