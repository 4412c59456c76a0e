"""Publish complete events: one that the hub does not take never holds up the others."""

from collections.abc import Iterable

from metering.app.hubs.batch import USAGE_HUB, Message, letter_of
from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.hubs.partition_key import partition_key
from metering.ports import DeadLetter, UsagePublisher


async def publish(
    publisher: UsagePublisher, bodies: Iterable[bytes], now: Instant
) -> list[DeadLetter]:
    """Publish events; return the letters of those that are larger than the hub takes.

    RetryableError when not all others are known to be published. Safe to repeat.
    """
    events = [(body, partition_key(body)) for body in bodies]
    letters: list[DeadLetter] = []
    try:
        if events:
            await publisher.publish(events)
    except RejectedEvent:
        # Nothing of them was published, and which of them it is has to be found out.
        for event in events:
            try:
                await publisher.publish([event])
            except RejectedEvent as why:
                letters.append(letter_of(USAGE_HUB, Message(event[0], "", 0), now, why))
    return letters
