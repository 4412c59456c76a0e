"""A batch of events as the Functions host passes it to a function of cardinality many."""

import json
from collections.abc import Sequence

from metering.core.basics.instants import to_datetime
from metering.local.functions.messages import (
    TypedData,
    collection_of_bytes,
    collection_of_integers,
    collection_of_strings,
)
from metering.local.hubs.hub import HubEvent


def bodies_of(events: Sequence[HubEvent]) -> TypedData:
    """Return the bodies of a batch as the function's argument."""
    return collection_of_bytes([event.body for event in events])


def trigger_metadata(partition: str, events: Sequence[HubEvent]) -> dict[str, TypedData]:
    """Return the metadata of a batch: one array per property, in the order of the batch.

    Enqueued times carry no zone, as on Azure (the extension drops it), so functions see naive
    times that mean UTC. Events without a key leave no gap in PartitionKeyArray; the values of one
    event are together in SystemPropertiesArray.
    """
    return {
        "PartitionContext": _json({"PartitionId": partition}),
        "PartitionKeyArray": collection_of_strings([event.partition_key for event in events]),
        "OffsetArray": collection_of_strings([event.offset for event in events]),
        "SequenceNumberArray": collection_of_integers([e.sequence_number for e in events]),
        "EnqueuedTimeUtcArray": _json([_enqueued_time(event) for event in events]),
        "PropertiesArray": _json([{} for _ in events]),
        "SystemPropertiesArray": _json([_system_properties(event) for event in events]),
    }


def _system_properties(event: HubEvent) -> dict[str, object]:
    return {
        "SequenceNumber": event.sequence_number,
        "Offset": event.offset,
        "PartitionKey": event.partition_key,
        "EnqueuedTimeUtc": _enqueued_time(event),
    }


def _enqueued_time(event: HubEvent) -> str:
    return to_datetime(event.enqueued_us).replace(tzinfo=None).isoformat()


def _json(value: object) -> TypedData:
    return TypedData(json=json.dumps(value))
