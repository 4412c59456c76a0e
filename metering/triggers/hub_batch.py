"""A batch of Event Hub events as the use cases take it, and what is done with one that fails."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import azure.functions as func

from metering.app.hubs.batch import Message
from metering.triggers.observed import partition_of

#: Far below functionTimeout: at that the host would move the checkpoint past unfinished work.
DEADLINE_S: Final = 60


def retried_for_ever(blueprint: func.Blueprint) -> Callable[..., Any]:
    """Return the decorator of functions that take batches: the host loses a batch that fails."""
    return blueprint.retry(
        strategy="exponential_backoff",
        max_retry_count="-1",
        minimum_interval="00:00:01",
        maximum_interval="00:01:00",
    )


def messages_of(events: Sequence[func.EventHubEvent]) -> list[Message]:
    """Return the bodies of a batch with where they came from."""
    partition = partition_of(events)
    return [Message(event.get_body(), partition, event.sequence_number or 0) for event in events]
