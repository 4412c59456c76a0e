"""The trigger of the hub `usage`: ingests events into ledgers."""

import asyncio
from typing import List  # noqa: UP035, the worker rejects list[...] in a binding

import azure.functions as func

from metering import bootstrap
from metering.triggers.hub_batch import DEADLINE_S, messages_of, retried_for_ever
from metering.triggers.observed import observed_batch, partition_of

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.function_name("ingest_usage")
@blueprint.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%USAGE_HUB%",
    connection="UsageHub",
    cardinality="many",
    consumer_group="%USAGE_CONSUMER_GROUP%",
)
@retried_for_ever(blueprint)
async def ingest_usage(events: List[func.EventHubEvent]) -> None:  # noqa: UP006, see above
    """Ingest a batch. The host retries a failed one without end."""
    app, source = bootstrap.current(), ("ingest_usage", partition_of(events))
    async with app.batch_waits.around(source, len(events)):
        with observed_batch(app, "ingest_usage", events) as answered:
            async with asyncio.timeout(DEADLINE_S):
                tally = await app.ingest.batch(messages_of(events))
            answered(tally)
            if tally.effects:
                await app.deliver_effects.at_once()
