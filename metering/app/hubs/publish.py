"""Publish complete events, so that one the hub rejects never delays the others."""

from collections.abc import Iterable

from metering.app.hubs.batch import USAGE_HUB, Message, dead_letter_of
from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.hubs.partition_key import partition_key
from metering.ports import DeadLetter, UsagePublisher


async def publish(
    publisher: UsagePublisher, bodies: Iterable[bytes], now: Instant
) -> list[DeadLetter]:
    """Publish events; return dead letters for those too large for the hub.

    RetryableError unless all others are known to be published. Safe to repeat.
    """
    events = [(body, partition_key(body)) for body in bodies]
    dead_letters: list[DeadLetter] = []
    try:
        if events:
            await publisher.publish(events)
    except RejectedEvent:
        # None was published; publish each alone to find the rejected one.
        for event in events:
            try:
                await publisher.publish([event])
            except RejectedEvent as why:
                dead_letters.append(dead_letter_of(USAGE_HUB, Message(event[0], "", 0), now, why))
    return dead_letters
