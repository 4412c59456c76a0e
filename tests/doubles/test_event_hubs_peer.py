"""The double of Event Hubs, through the unmodified client."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventDataSendError

from tests.doubles.event_hubs import LEAKS_OF_THE_CLIENT, EventHubsPeer, Fault

pytest_plugins = ["tests.doubles.event_hubs.fixtures"]
pytestmark = pytest.mark.filterwarnings(LEAKS_OF_THE_CLIENT)

_PATIENCE_S = 10


@pytest.fixture
async def producer(event_hubs_peer: EventHubsPeer) -> AsyncIterator[EventHubProducerClient]:
    async with EventHubProducerClient.from_connection_string(
        event_hubs_peer.connection_string,
        eventhub_name="usage",
        retry_total=1,
        retry_backoff_factor=0.05,
    ) as client:
        yield client


async def publish(
    producer: EventHubProducerClient, *bodies: bytes, key: str | None = None, to: str | None = None
) -> None:
    batch = await producer.create_batch(partition_key=key, partition_id=to)
    for body in bodies:
        batch.add(EventData(body))
    await producer.send_batch(batch)


async def receive(
    peer: EventHubsPeer, count: int, *, partition: str = "0", **start: Any
) -> list[EventData]:
    """Return the next events of a partition, at least `count`."""
    found: list[EventData] = []
    enough = asyncio.Event()

    async def take(_: PartitionContext, events: list[EventData]) -> None:
        found.extend(events)
        if len(found) >= count:
            enough.set()

    client = EventHubConsumerClient.from_connection_string(
        peer.connection_string, "metering", eventhub_name="usage"
    )
    async with client, asyncio.timeout(_PATIENCE_S):
        receiving = asyncio.create_task(
            client.receive_batch(take, partition_id=partition, max_wait_time=0.05, **start)
        )
        await enough.wait()
        receiving.cancel()
        await asyncio.wait([receiving])
    return found


def bodies(events: list[EventData]) -> list[str]:
    return [event.body_as_str() for event in events]


async def test_events_of_one_key_land_in_one_partition_in_order(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    await publish(producer, b"1", b"2", key="acme")
    await publish(producer, b"3", key="acme")
    events = event_hubs_peer.events("usage")
    assert len({event.partition for event in events}) == 1
    assert [(event.sequence, event.body, event.key) for event in events] == [
        (0, b"1", "acme"),
        (1, b"2", "acme"),
        (2, b"3", "acme"),
    ]
    assert events[0].offset < events[1].offset < events[2].offset


async def test_many_keys_use_every_partition(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    for number in range(24):
        await publish(producer, b"x", key=f"tenant-{number}")
    assert {event.partition for event in event_hubs_peer.events("usage")} == {0, 1, 2, 3}


async def test_a_partition_can_be_named_and_without_a_key_they_take_turns(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    await publish(producer, b"named", to="2")
    for _ in range(4):
        await publish(producer, b"any")
    found = [(event.partition, event.body) for event in event_hubs_peer.events("usage")]
    assert (2, b"named") in found
    assert {partition for partition, body in found if body == b"any"} == {0, 1, 2, 3}


async def test_a_batch_of_a_megabyte_arrives_whole_and_a_larger_one_is_not_made(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    batch = await producer.create_batch(partition_key="acme")
    assert batch.max_size_in_bytes == 1_048_576
    for _ in range(20):
        batch.add(EventData(b"x" * 52_000))
    with pytest.raises(ValueError, match="size limit"):
        batch.add(EventData(b"x" * 52_000))
    await producer.send_batch(batch)
    assert {len(event.body) for event in event_hubs_peer.events("usage")} == {52_000}
    assert [seen["events"] for seen in event_hubs_peer.publications()] == [20]


async def test_what_is_received_has_body_properties_key_sequence_offset_and_time(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    event = EventData("grün".encode())
    event.properties = {"number": 7, "text": "a"}
    event.content_type = "application/cloudevents+json"
    await producer.send_event(event, partition_key="acme")
    (kept,) = event_hubs_peer.events("usage")
    (found,) = await receive(
        event_hubs_peer, 1, partition=str(kept.partition), starting_position="-1"
    )
    assert found.body_as_str() == "grün"
    assert found.properties == {b"number": 7, b"text": b"a"}
    assert found.content_type == "application/cloudevents+json"
    assert (found.partition_key, found.sequence_number, found.offset) == (b"acme", 0, "0")
    assert isinstance(found.enqueued_time, datetime)
    assert round(found.enqueued_time.timestamp() * 1000) == kept.enqueued_ms


async def test_receiving_starts_where_it_is_asked_to(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    await publish(producer, *(f"{number}".encode() for number in range(5)), to="0")
    second = event_hubs_peer.events("usage")[1]
    starts: list[tuple[str | int, bool]] = [
        ("-1", False),
        (str(second.offset), False),
        (str(second.offset), True),
        (3, False),
    ]
    expected = [["0", "1", "2", "3", "4"], ["2", "3", "4"], ["1", "2", "3", "4"], ["4"]]
    received = await asyncio.gather(
        *(
            receive(
                event_hubs_peer,
                len(those),
                starting_position=start,
                starting_position_inclusive=inclusive,
            )
            for (start, inclusive), those in zip(starts, expected, strict=True)
        )
    )
    assert [bodies(events) for events in received] == expected


async def test_a_receiver_is_given_what_comes_later_however_much(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    receiving = asyncio.create_task(receive(event_hubs_peer, 5_000, starting_position="-1"))
    for block in range(5):
        await publish(producer, *(f"{block * 1_000 + n}".encode() for n in range(1_000)), to="0")
    assert bodies(await receiving) == [str(number) for number in range(5_000)]


async def test_hub_and_partitions_describe_themselves(producer: EventHubProducerClient) -> None:
    await publish(producer, b"1", b"2", to="3")
    assert await producer.get_partition_ids() == ["0", "1", "2", "3"]
    full = await producer.get_partition_properties("3")
    assert (full["last_enqueued_sequence_number"], full["is_empty"]) == (1, False)
    empty = await producer.get_partition_properties("0")
    assert (empty["last_enqueued_sequence_number"], empty["is_empty"]) == (-1, True)


async def test_a_hub_that_is_not_there_and_a_token_that_is_refused_are_said(
    event_hubs_peer: EventHubsPeer,
) -> None:
    event_hubs_peer.add(Fault("unauthorised", times=2, hub="other"))
    for hub, status in [("nowhere", "404"), ("other", "401")]:
        client = EventHubProducerClient.from_connection_string(
            event_hubs_peer.connection_string, eventhub_name=hub, retry_total=0
        )
        async with client:
            with pytest.raises(AuthenticationError, match=f"Status code: {status}"):
                await client.create_batch()


async def test_what_is_refused_is_not_kept(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    event_hubs_peer.add(Fault("refuse", times=2))
    with pytest.raises(EventDataSendError, match="server-busy"):
        await publish(producer, b"x", key="acme")
    assert event_hubs_peer.events("usage") == []
    assert len(event_hubs_peer.publications()) == 2


async def test_a_connection_cut_in_the_middle_of_a_publication_loses_it(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    event_hubs_peer.add(Fault("drop_before", times=4))
    with pytest.raises(ConnectError):
        await publish(producer, b"x" * 500_000, key="acme")
    assert event_hubs_peer.publications() == []
    assert event_hubs_peer.pending_faults() == 0


async def test_a_connection_cut_before_the_settlement_leaves_it_twice(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    event_hubs_peer.add(Fault("drop_after"))
    await publish(producer, b"x", key="acme")
    assert [event.body for event in event_hubs_peer.events("usage")] == [b"x", b"x"]


async def test_a_slow_settlement_is_waited_for(
    event_hubs_peer: EventHubsPeer, producer: EventHubProducerClient
) -> None:
    event_hubs_peer.add(Fault("slow", delay_s=0.3))
    loop = asyncio.get_running_loop()
    await publish(producer, b"warm", key="acme")
    start = loop.time()
    event_hubs_peer.add(Fault("slow", delay_s=0.3))
    await publish(producer, b"x", key="acme")
    assert loop.time() - start >= 0.3
    assert len(event_hubs_peer.events("usage")) == 2
