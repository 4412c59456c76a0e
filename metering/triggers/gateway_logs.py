"""The trigger of the hub `gateway-logs`: joins counts to streams."""

import asyncio
from typing import List  # noqa: UP035, the worker rejects list[...] in a binding

import azure.functions as func

from metering import bootstrap
from metering.triggers.hub_batch import DEADLINE_S, messages_of, retried_for_ever
from metering.triggers.observed import observed_batch, partition_of

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.function_name("join_usage")
@blueprint.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%GATEWAY_LOGS_HUB%",
    connection="GatewayLogsHub",
    cardinality="many",
    consumer_group="%GATEWAY_LOGS_CONSUMER_GROUP%",
)
@retried_for_ever(blueprint)
async def join_usage(events: List[func.EventHubEvent]) -> None:  # noqa: UP006, see above
    """Join a batch. The host retries a failed one without end."""
    app, source = bootstrap.current(), ("join_usage", partition_of(events))
    async with app.batch_waits.around(source, len(events)):
        with observed_batch(app, "join_usage", events) as answered:
            async with asyncio.timeout(DEADLINE_S):
                answered(await app.join_usage.batch(messages_of(events)))
