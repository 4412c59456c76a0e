"""What every publisher promises.

On the embedded hub, on our peer of Event Hubs, and with METERING_TEST_EVENTHUB (a connection
string) on the official emulator or a namespace that has a hub `usage`.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from metering.adapters.clock import SystemClock
from metering.core.basics.errors import ConfigurationError, RejectedEvent
from metering.local.hubs.hub import EmbeddedHub
from metering.ports import UsagePublisher
from tests.adapters.contract.hubs import Arrived, EmbeddedHubs, Hubs, PeerHubs, RealHubs
from tests.doubles.event_hubs import LEAKS_OF_THE_CLIENT

pytest_plugins = ["tests.doubles.event_hubs.fixtures"]
pytestmark = pytest.mark.filterwarnings(LEAKS_OF_THE_CLIENT)

ENDPOINT = os.environ.get("METERING_TEST_EVENTHUB")
KINDS = ["embedded", "peer", *(["endpoint"] if ENDPOINT else [])]


@pytest.fixture(params=KINDS)
async def hubs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hubs]:
    if request.param == "peer":
        yield PeerHubs(request.getfixturevalue("event_hubs_peer"))
    elif request.param == "embedded":
        hub = EmbeddedHub(tmp_path / "hub.db", SystemClock().now)
        yield EmbeddedHubs(hub)
        hub.close()
    else:
        assert ENDPOINT is not None
        real = RealHubs(ENDPOINT)
        async with real.client:
            await real.begin()
            yield real


@pytest.fixture
async def publisher(hubs: Hubs) -> AsyncIterator[UsagePublisher]:
    made = hubs.publisher()
    yield made
    await made.close()


def by_key(events: Sequence[Arrived]) -> dict[str, list[bytes]]:
    found = defaultdict[str, list[bytes]](list)
    for event in events:
        found[event.key].append(event.body)
    return dict(found)


async def test_events_of_a_key_keep_their_order_and_their_partition(
    hubs: Hubs, publisher: UsagePublisher
) -> None:
    await publisher.publish([(b"1", "acme"), (b"a", "globex"), (b"2", "acme")])
    await publisher.publish([(b"b", "globex"), (b"3", "acme")])
    events = await hubs.read(5)
    assert by_key(events) == {"acme": [b"1", b"2", b"3"], "globex": [b"a", b"b"]}
    for key in ("acme", "globex"):
        assert len({event.partition for event in events if event.key == key}) == 1


async def test_a_body_arrives_as_it_was_given(hubs: Hubs, publisher: UsagePublisher) -> None:
    bodies = [bytes(range(256)), b"", '{"name": "grün"}'.encode(), b" {}\n"]
    await publisher.publish([(body, "acme") for body in bodies])
    assert by_key(await hubs.read(4)) == {"acme": bodies}


async def test_more_than_one_batch_holds_goes_out_in_several_and_in_order(
    hubs: Hubs, publisher: UsagePublisher
) -> None:
    bodies = [bytes([number]) * 400_000 for number in range(7)]
    await publisher.publish([(body, "acme") for body in bodies] + [(b"small", "globex")])
    assert by_key(await hubs.read(8)) == {"acme": bodies, "globex": [b"small"]}


async def test_a_body_that_the_hub_cannot_take_is_refused_with_nothing_published(
    hubs: Hubs, publisher: UsagePublisher
) -> None:
    with pytest.raises(RejectedEvent, match="too_large: a body of 1048577 bytes"):
        await publisher.publish([(b"1", "acme"), (b"x" * 1_048_577, "acme"), (b"2", "acme")])
    assert await hubs.read(0) == []
    await publisher.publish([(b"1", "acme"), (b"2", "acme")])
    assert by_key(await hubs.read(2)) == {"acme": [b"1", b"2"]}


@pytest.mark.parametrize("key", ["", "k" * 129])
async def test_a_key_that_the_hub_does_not_take_is_refused(
    hubs: Hubs, publisher: UsagePublisher, key: str
) -> None:
    with pytest.raises(RejectedEvent, match="invalid_field: a partition key"):
        await publisher.publish([(b"1", "acme"), (b"2", key)])
    assert await hubs.read(0) == []


async def test_a_key_may_have_128_characters_of_any_language(
    hubs: Hubs, publisher: UsagePublisher
) -> None:
    await publisher.publish([(b"1", "ü" * 128)])
    assert by_key(await hubs.read(1)) == {"ü" * 128: [b"1"]}


async def test_a_hub_that_is_not_there_is_a_matter_of_configuration(hubs: Hubs) -> None:
    publisher = hubs.publisher("nowhere")
    with pytest.raises(ConfigurationError, match="nowhere"):
        await publisher.publish([(b"1", "acme")])
    await publisher.close()


async def test_nothing_to_publish_asks_nothing_of_anybody(hubs: Hubs) -> None:
    await hubs.publisher("nowhere").publish([])


async def test_after_it_was_closed_it_opens_again(hubs: Hubs, publisher: UsagePublisher) -> None:
    await publisher.publish([(b"1", "acme")])
    await publisher.close()
    await publisher.close()
    await publisher.publish([(b"2", "acme")])
    assert by_key(await hubs.read(2)) == {"acme": [b"1", b"2"]}


async def test_several_may_publish_at_once(hubs: Hubs, publisher: UsagePublisher) -> None:
    await asyncio.gather(
        *(publisher.publish([(b"%d" % number, f"k{number % 3}")]) for number in range(12))
    )
    found = by_key(await hubs.read(12))
    assert {key: sorted(bodies) for key, bodies in found.items()} == {
        "k0": [b"0", b"3", b"6", b"9"],
        "k1": [b"1", b"10", b"4", b"7"],
        "k2": [b"11", b"2", b"5", b"8"],
    }
