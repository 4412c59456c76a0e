"""Batches of Event Hub events: conversion to messages, and the retry policy."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import azure.functions as func

from metering.app.hubs.batch import Message
from metering.triggers.observed import partition_of

#: Far below functionTimeout, at which the host restarts this process, with every batch in it.
DEADLINE_S: Final = 60


def retried_for_ever(blueprint: func.Blueprint) -> Callable[..., Any]:
    """Return the retry decorator for batch functions: without it the host drops a failed batch."""
    return blueprint.retry(
        strategy="exponential_backoff",
        max_retry_count="-1",
        minimum_interval="00:00:01",
        maximum_interval="00:01:00",
    )


def messages_of(events: Sequence[func.EventHubEvent]) -> list[Message]:
    """Return the bodies of a batch with their origin."""
    partition = partition_of(events)
    return [Message(event.get_body(), partition, event.sequence_number or 0) for event in events]
