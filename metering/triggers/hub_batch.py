"""A batch of Event Hub events as the use cases take it."""

from collections.abc import Sequence

import azure.functions as func

from metering.app.batch import Message


def messages_of(events: Sequence[func.EventHubEvent]) -> list[Message]:
    """Return the bodies of a batch with where they came from."""
    context = (events[0].metadata or {}).get("PartitionContext") or {}
    partition = str(context.get("PartitionId", ""))
    return [Message(event.get_body(), partition, event.sequence_number or 0) for event in events]
