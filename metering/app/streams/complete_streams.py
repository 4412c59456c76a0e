"""Publish the complete events of streams that have both partial records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.hubs.batch import LOGS_HUB, Message, dead_letter_of
from metering.app.hubs.publish import publish
from metering.core.basics.errors import RejectedEvent
from metering.core.streams.gateway_log import read_log
from metering.core.streams.joining import complete
from metering.core.streams.log_rows import LlmRow
from metering.ports import Clock, DeadLetter, PendingStore, UsagePublisher


class Completed(NamedTuple):
    """The result of completing streams."""

    request_ids: frozenset[str]
    """Requests that need not wait any longer."""
    dead_letters: list[DeadLetter]
    """Records that were rejected; the caller stores them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteStreams:
    """The step that `ingest_usage`, `join_usage` and `expire_pending` share."""

    pending: PendingStore
    publisher: UsagePublisher
    clock: Clock

    async def complete(
        self, identities: Mapping[str, bytes], tokens: Mapping[str, bytes], *, kept: bool = True
    ) -> Completed:
        """Publish the requests that are in both mappings, then remove their partial records.

        `kept`: whether the counts are in the store too.

        RetryableError unless all of them are known to be published; the partial records stay then.
        Safe to repeat, and for several processes at once.
        """
        now = self.clock.now()
        events: dict[str, bytes] = {}
        dead_letters: list[DeadLetter] = []
        for request_id in identities.keys() & tokens.keys():
            body = tokens[request_id]
            try:
                events[request_id] = complete(identities[request_id], row_of(body))
            except RejectedEvent as why:
                message = Message(body, "", 0)
                dead_letters.append(dead_letter_of(LOGS_HUB, message, now, why))
        if events:
            dead_letters += await publish(self.publisher, events.values(), now)
            # The request record first: left alone it would wait for a day, whereas counts expire.
            await self.pending.remove_halves("identity", events.keys())
            if kept:
                await self.pending.remove_halves("tokens", events.keys())
        return Completed(frozenset(events), dead_letters)


def row_of(body: bytes) -> LlmRow:
    """Return the counts in a partial record of kind `tokens`."""
    (row,) = read_log(body).llm_rows
    return row
