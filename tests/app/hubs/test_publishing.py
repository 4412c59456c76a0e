"""Publishing many events: the pace, what is tried again, and how far it came."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from metering.adapters.clock import SystemClock
from metering.app.hubs.publishing import Publishing, Sent
from metering.core.basics.errors import Code, ConfigurationError, RetryableError
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.publisher import EmbeddedPublisher
from metering.ports import Outgoing, UsagePublisher

BUSY = RetryableError("hub usage: the server is busy")


class FaultyPublisher:
    """A publisher to which something happens before or after it publishes."""

    def __init__(self, publisher: UsagePublisher) -> None:
        self._publisher = publisher
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self.calls: list[int] = []

    async def publish(self, events: Sequence[Outgoing]) -> None:
        self.calls.append(len(events))
        if self.before and (fault := self.before.pop(0)):
            raise fault
        await self._publisher.publish(events)
        if self.after and (fault := self.after.pop(0)):
            raise fault

    async def close(self) -> None:
        await self._publisher.close()


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[EmbeddedHub]:
    made = EmbeddedHub(tmp_path / "hub.db", SystemClock().now)
    made.declare("usage", 1)
    yield made
    made.close()


@pytest.fixture
def publisher(hub: EmbeddedHub) -> FaultyPublisher:
    return FaultyPublisher(EmbeddedPublisher(hub, "usage"))


def numbered(count: int) -> list[Outgoing]:
    return [(b"%d" % number, "acme") for number in range(count)]


def bodies(hub: EmbeddedHub) -> list[bytes]:
    return [event.body for event in hub.receive("usage", 0, None, 10_000)]


async def test_events_go_out_in_order_in_calls_of_bounded_size(
    hub: EmbeddedHub, publisher: FaultyPublisher
) -> None:
    seen: list[Sent] = []
    sent = await Publishing(publisher=publisher, on_progress=seen.append).run(iter(numbered(1_100)))
    assert publisher.calls == [500, 500, 100]
    assert bodies(hub) == [body for body, _ in numbered(1_100)]
    # 10 bodies of one digit, 90 of two, 900 of three and 100 of four: 10 + 180 + 2,700 + 400.
    assert sent == Sent(events=1_100, bytes=3_290)
    assert [progress.events for progress in seen] == [500, 1_000, 1_100]


async def test_large_bodies_make_small_calls(publisher: FaultyPublisher) -> None:
    await Publishing(publisher=publisher).run([(b"x" * 1_000_000, "acme")] * 7)
    # A call is full once it has 4 MB: with the fifth body of a million bytes it is beyond that.
    assert publisher.calls == [5, 2]


async def test_nothing_to_publish_is_no_call(publisher: FaultyPublisher) -> None:
    assert await Publishing(publisher=publisher).run([]) == Sent()
    assert publisher.calls == []


async def test_what_is_refused_for_now_is_tried_again_and_nothing_is_lost_or_reordered(
    hub: EmbeddedHub, publisher: FaultyPublisher
) -> None:
    publisher.before = [BUSY, BUSY]
    sent = await Publishing(publisher=publisher, pauses_s=(0, 0)).run(numbered(600))
    assert bodies(hub) == [body for body, _ in numbered(600)]
    assert (sent.events, sent.failures) == (600, 2)


async def test_what_was_published_without_an_answer_is_published_again(
    hub: EmbeddedHub, publisher: FaultyPublisher
) -> None:
    publisher.after = [BUSY]
    await Publishing(publisher=publisher, pauses_s=(0,)).run(numbered(2))
    assert bodies(hub) == [b"0", b"1", b"0", b"1"]


async def test_after_the_last_attempt_it_says_how_far_it_came(
    hub: EmbeddedHub, publisher: FaultyPublisher
) -> None:
    publisher.before = [None, BUSY, BUSY, BUSY]
    publishing = Publishing(publisher=publisher, pauses_s=(0, 0))
    with pytest.raises(RetryableError, match="busy"):
        await publishing.run(numbered(600))
    assert publishing.sent == Sent(events=500, bytes=10 + 180 + 1_200, failures=3)
    await Publishing(publisher=publisher).run(numbered(600)[publishing.sent.handled :])
    assert bodies(hub) == [body for body, _ in numbered(600)]


async def test_what_no_attempt_can_cure_is_not_tried_again(publisher: FaultyPublisher) -> None:
    publisher.before = [ConfigurationError("hub usage: is not there")]
    with pytest.raises(ConfigurationError):
        await Publishing(publisher=publisher).run(numbered(1))
    assert publisher.calls == [1]


async def test_an_event_that_no_hub_takes_is_left_out_and_named_by_its_place(
    hub: EmbeddedHub, publisher: FaultyPublisher
) -> None:
    events = [(b"0", "acme"), (b"x" * 1_048_577, "acme"), (b"2", "k" * 129), (b"3", "acme")]
    publishing = Publishing(publisher=publisher)
    sent = await publishing.run(events)
    assert bodies(hub) == [b"0", b"3"]
    assert sent == Sent(events=2, bytes=2, rejected=2)
    assert sent.handled == 4
    assert [(one.position, one.code) for one in publishing.rejected] == [
        (1, Code.TOO_LARGE),
        (2, Code.INVALID_FIELD),
    ]


async def test_a_pace_is_kept_and_lost_time_is_not_caught_up(publisher: FaultyPublisher) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    await Publishing(publisher=publisher, per_second=200).run(numbered(60))
    # 20 a call, each a tenth of a second after the one before: at 0, 0.1 and 0.2.
    assert publisher.calls == [20, 20, 20]
    assert 0.19 <= loop.time() - start < 2


async def test_a_slow_pace_sends_one_at_a_time(publisher: FaultyPublisher) -> None:
    await Publishing(publisher=publisher, per_second=20).run(numbered(3))
    assert publisher.calls == [2, 1]
    publisher.calls.clear()
    await Publishing(publisher=publisher, per_second=9).run(numbered(2))
    assert publisher.calls == [1, 1]
