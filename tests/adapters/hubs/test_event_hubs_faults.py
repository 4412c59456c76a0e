"""When a hub refuses, is slow, or goes away in the middle: the unmodified client on our peer."""

import asyncio
from collections.abc import AsyncIterator
from typing import NoReturn

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import ConnectError, EventHubError

from metering.adapters.hubs.publisher import EventHubsPublisher
from metering.core.basics.errors import ConfigurationError, RetryableError
from tests.doubles.event_hubs import LEAKS_OF_THE_CLIENT, EventHubsPeer, Fault

pytest_plugins = ["tests.doubles.event_hubs.fixtures"]
pytestmark = pytest.mark.filterwarnings(LEAKS_OF_THE_CLIENT)

EVENTS = [(b"%d" % number, f"tenant-{number % 3}") for number in range(9)]


@pytest.fixture
async def publisher(event_hubs_peer: EventHubsPeer) -> AsyncIterator[EventHubsPublisher]:
    made = EventHubsPublisher("127.0.0.1", "usage", event_hubs_peer.connection_string)
    yield made
    await made.close()


def _raise_as_the_client(error: EventHubError, cause: Exception) -> NoReturn:
    """Raise its own error, from which the cause has been cut off."""
    error.__context__ = cause
    raise error from None


def kept(peer: EventHubsPeer) -> set[tuple[bytes, str | None]]:
    return {(event.body, event.key) for event in peer.events("usage")}


@pytest.mark.parametrize(
    "condition",
    ["com.microsoft:server-busy", "amqp:resource-limit-exceeded", "amqp:internal-error"],
)
async def test_a_hub_that_refuses_is_asked_again_by_the_caller_and_nothing_is_lost(
    event_hubs_peer: EventHubsPeer, publisher: EventHubsPublisher, condition: str
) -> None:
    event_hubs_peer.add(Fault("refuse", times=2, condition=condition))
    with pytest.raises(RetryableError, match="127.0.0.1/usage: The server is busy"):
        await publisher.publish(EVENTS)
    await publisher.publish(EVENTS)
    assert kept(event_hubs_peer) == set(EVENTS)


async def test_a_refusal_in_the_middle_leaves_some_published_and_a_second_call_completes_them(
    event_hubs_peer: EventHubsPeer, publisher: EventHubsPublisher
) -> None:
    event_hubs_peer.add(Fault("refuse", times=2, after=1))
    with pytest.raises(RetryableError):
        await publisher.publish(EVENTS)
    # Three keys are three batches of three events; the first one went well.
    assert len(kept(event_hubs_peer)) == 3
    await publisher.publish(EVENTS)
    assert kept(event_hubs_peer) == set(EVENTS)


async def test_a_connection_cut_in_the_middle_of_a_publication_is_made_again(
    event_hubs_peer: EventHubsPeer, publisher: EventHubsPublisher
) -> None:
    event_hubs_peer.add(Fault("drop_before"))
    body = b"x" * 500_000
    await publisher.publish([(body, "acme")])
    assert [event.body for event in event_hubs_peer.events("usage")] == [body]


async def test_a_connection_that_is_always_cut_is_retryable_and_serves_again_later(
    event_hubs_peer: EventHubsPeer, publisher: EventHubsPublisher
) -> None:
    event_hubs_peer.add(Fault("drop_before", times=6))
    with pytest.raises(RetryableError, match="hub 127.0.0.1/usage"):
        await publisher.publish([(b"1", "acme")])
    assert event_hubs_peer.events("usage") == []
    await publisher.publish([(b"1", "acme")])
    assert kept(event_hubs_peer) == {(b"1", "acme")}


async def test_what_was_kept_without_saying_so_is_sent_again_rather_than_lost(
    event_hubs_peer: EventHubsPeer, publisher: EventHubsPublisher
) -> None:
    event_hubs_peer.add(Fault("drop_after"))
    await publisher.publish([(b"1", "acme")])
    assert [event.body for event in event_hubs_peer.events("usage")] == [b"1", b"1"]


async def test_a_hub_that_does_not_answer_is_given_up_in_time(
    event_hubs_peer: EventHubsPeer,
) -> None:
    slow = EventHubsPublisher(
        "127.0.0.1", "usage", event_hubs_peer.connection_string, timeout_s=1.5
    )
    event_hubs_peer.add(Fault("slow", times=9, delay_s=60))
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(RetryableError, match="no answer in time"):
        await slow.publish([(b"1", "acme")])
    assert loop.time() - start < 8
    event_hubs_peer.clear()
    await slow.publish([(b"2", "acme")])
    assert kept(event_hubs_peer) == {(b"2", "acme")}
    await slow.close()


async def test_after_a_call_that_was_cancelled_the_next_one_has_a_connection_of_its_own(
    event_hubs_peer: EventHubsPeer, publisher: EventHubsPublisher
) -> None:
    event_hubs_peer.add(Fault("slow", delay_s=60))
    publishing = asyncio.create_task(publisher.publish([(b"1", "acme")]))
    await asyncio.sleep(1)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    before = event_hubs_peer.connections()
    await publisher.publish([(b"2", "acme")])
    assert event_hubs_peer.connections() == before + 1
    assert (b"2", "acme") in kept(event_hubs_peer)


async def test_an_identity_that_may_not_send_is_told_the_role_it_needs(
    event_hubs_peer: EventHubsPeer, publisher: EventHubsPublisher
) -> None:
    event_hubs_peer.add(Fault("unauthorised", times=9))
    with pytest.raises(ConfigurationError, match="Azure Event Hubs Data Sender"):
        await publisher.publish([(b"1", "acme")])


async def test_a_namespace_out_of_reach_is_retryable() -> None:
    gone = EventHubsPublisher(
        "127.0.0.1",
        "usage",
        "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;"
        "UseDevelopmentEmulator=true",
    )
    with pytest.raises(RetryableError, match="hub 127.0.0.1/usage: Failed to initiate"):
        await gone.publish([(b"1", "acme")])
    await gone.close()


async def test_an_identity_that_cannot_sign_in_is_a_matter_of_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object, **__: object) -> NoReturn:
        _raise_as_the_client(
            EventHubError("no managed identity here"), ClientAuthenticationError("none")
        )

    monkeypatch.setattr(EventHubProducerClient, "create_batch", refuse)
    publisher = EventHubsPublisher("contoso.servicebus.windows.net", "usage")
    with pytest.raises(
        ConfigurationError,
        match="UsageHub__fullyQualifiedNamespace: hub contoso.*signing in failed: no managed",
    ):
        await publisher.publish([(b"1", "acme")])


async def test_a_link_that_is_refused_for_want_of_a_right_names_the_role(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class LinkError(Exception):
        condition = b"amqp:unauthorized-access"

    async def refuse(*_: object, **__: object) -> NoReturn:
        _raise_as_the_client(ConnectError("'Send' claim(s) are required"), LinkError())

    monkeypatch.setattr(EventHubProducerClient, "create_batch", refuse)
    publisher = EventHubsPublisher("contoso.servicebus.windows.net", "usage")
    with pytest.raises(ConfigurationError, match="Data Sender"):
        await publisher.publish([(b"1", "acme")])
