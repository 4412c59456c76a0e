"""How far hubs are counted: Microsoft's clients on our peer of Event Hubs and on Azurite."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NoReturn

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError
from azure.storage.blob.aio import ContainerClient

from metering.adapters.exports.blob_exports import EMULATOR_KEY
from metering.adapters.hubs.host_checkpoints import CONTAINER, HostCheckpoints
from metering.adapters.hubs.progress import CountedHub, EventHubsProgress
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import HOUR
from metering.core.calendars.dated import BEGINNING
from tests.builders import NOW
from tests.doubles.azurite.server import Azurite
from tests.doubles.event_hubs import LEAKS_OF_THE_CLIENT, EventHubsPeer, Fault
from tests.systems import MovableClock

pytest_plugins = [
    "tests.doubles.azurite.fixtures",
    "tests.doubles.event_hubs.fixtures",
]
pytestmark = pytest.mark.filterwarnings(LEAKS_OF_THE_CLIENT)

type Publish = Callable[..., Awaitable[None]]

#: What the host's own client says of itself beside offset and sequence number.
WRITER = {"clientidentifier": "5f2c"}


def account(azurite: Azurite) -> str:
    return f"http://127.0.0.1:{azurite.port}/devstoreaccount1"


class Checkpoints:
    """The host's container, written as the host writes it."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def put(self, hub: str, partition: int, sequence: int | str) -> None:
        name = f"127.0.0.1/{hub}/metering/checkpoint/{partition}"
        told = {"offset": "", "sequencenumber": str(sequence), **WRITER}
        await self._container.upload_blob(name, b"", metadata=told, overwrite=True)


@pytest.fixture
async def checkpoints(azurite: Azurite) -> AsyncIterator[Checkpoints]:
    async with ContainerClient(account(azurite), CONTAINER, credential=EMULATOR_KEY) as container:
        if await container.exists():
            async for name in container.list_blob_names():
                await container.delete_blob(name)
        else:
            await container.create_container()
        # What else the host keeps there: whose partitions are, and those of other groups.
        owned = "127.0.0.1/usage/metering/ownership/0"
        await container.upload_blob(owned, b"", metadata={"ownerid": "x"})
        other = {"offset": "", "sequencenumber": "999", **WRITER}
        await container.upload_blob(
            "127.0.0.1/usage/metering2/checkpoint/0", b"", metadata=other, overwrite=True
        )
        yield Checkpoints(container)


@pytest.fixture
async def publish(event_hubs_peer: EventHubsPeer) -> Publish:
    async def publishing(hub: str, partition: int, count: int = 1) -> None:
        async with EventHubProducerClient.from_connection_string(
            event_hubs_peer.connection_string, eventhub_name=hub
        ) as client:
            batch = await client.create_batch(partition_id=str(partition))
            for _ in range(count):
                batch.add(EventData(b"x"))
            await client.send_batch(batch)

    return publishing


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
async def progress(
    event_hubs_peer: EventHubsPeer, azurite: Azurite, checkpoints: Checkpoints, clock: MovableClock
) -> AsyncIterator[EventHubsProgress]:
    assert checkpoints
    made = make(event_hubs_peer.connection_string, account(azurite), clock)
    yield made
    await made.close()


def make(
    connection_string: str,
    url: str,
    clock: MovableClock,
    *,
    pause: Callable[[], Awaitable[None]] | None = None,
    hubs: tuple[str, str] = ("usage", "other"),
) -> EventHubsProgress:
    """Return what looks once, or with a pause twice."""
    counted = [
        CountedHub(connection, "127.0.0.1", hub, "metering", connection_string)
        for connection, hub in zip(("UsageHub", "GatewayLogsHub"), hubs, strict=True)
    ]
    storage = HostCheckpoints(url, emulator=True)
    if pause is None:
        return EventHubsProgress(counted, storage, clock, observations=1)
    return EventHubsProgress(counted, storage, clock, observations=2, pause=pause)


async def test_empty_hubs_are_counted_until_now(progress: EventHubsProgress) -> None:
    assert await progress.counted_until() == NOW


async def test_hubs_read_to_their_ends_are_counted_until_now(
    progress: EventHubsProgress, checkpoints: Checkpoints, publish: Publish
) -> None:
    await publish("usage", 1, 3)
    await publish("other", 0, 1)
    await checkpoints.put("usage", 1, 2)
    await checkpoints.put("other", 0, 0)
    assert await progress.counted_until() == NOW


async def test_while_a_partition_is_behind_nobody_knows_and_later_the_first_look_is_proven(
    progress: EventHubsProgress, checkpoints: Checkpoints, publish: Publish, clock: MovableClock
) -> None:
    await publish("usage", 1, 3)
    await checkpoints.put("usage", 1, 1)
    assert await progress.counted_until() == BEGINNING
    # Traffic goes on, and what the first look found is counted meanwhile.
    await publish("usage", 1, 3)
    await checkpoints.put("usage", 1, 2)
    clock.set(NOW + HOUR)
    assert await progress.counted_until() == NOW
    clock.set(NOW + 2 * HOUR)
    await checkpoints.put("usage", 1, 5)
    assert await progress.counted_until() == NOW + 2 * HOUR


async def test_each_hub_has_its_own_age_and_a_waiting_event_that_of_its_first_look(
    progress: EventHubsProgress, publish: Publish, clock: MovableClock
) -> None:
    await publish("usage", 1, 3)
    assert await progress.counted_by_hub() == {"usage": NOW, "other": NOW}
    # Nothing reads the hub: what was seen first stays, and so its age grows.
    clock.set(NOW + HOUR)
    assert await progress.counted_by_hub() == {"usage": NOW, "other": NOW + HOUR}


async def test_after_a_restart_it_is_found_again(
    progress: EventHubsProgress,
    checkpoints: Checkpoints,
    publish: Publish,
    clock: MovableClock,
    event_hubs_peer: EventHubsPeer,
    azurite: Azurite,
) -> None:
    await publish("usage", 1, 3)
    await checkpoints.put("usage", 1, 1)
    await progress.counted_until()
    again = make(event_hubs_peer.connection_string, account(azurite), clock)
    clock.set(NOW + HOUR)
    await checkpoints.put("usage", 1, 2)
    await publish("usage", 1, 1)
    assert await again.counted_until() == BEGINNING
    await checkpoints.put("usage", 1, 3)
    await publish("usage", 1, 1)
    assert await again.counted_until() == NOW + HOUR
    await again.close()


async def test_a_busy_partition_is_caught_up_with_within_one_call(
    checkpoints: Checkpoints,
    publish: Publish,
    clock: MovableClock,
    event_hubs_peer: EventHubsPeer,
    azurite: Azurite,
) -> None:
    async def pause() -> None:
        clock.set(NOW + HOUR)
        await publish("usage", 1, 3)
        await checkpoints.put("usage", 1, 2)

    await publish("usage", 1, 3)
    await checkpoints.put("usage", 1, 1)
    patient = make(event_hubs_peer.connection_string, account(azurite), clock, pause=pause)
    assert await patient.counted_until() == NOW
    await patient.close()


async def test_one_hub_behind_holds_both_back(
    progress: EventHubsProgress, checkpoints: Checkpoints, publish: Publish
) -> None:
    await publish("usage", 1, 3)
    await checkpoints.put("usage", 1, 2)
    await publish("other", 1, 2)
    await checkpoints.put("other", 1, 0)
    assert await progress.counted_until() == BEGINNING
    await checkpoints.put("other", 1, 1)
    assert await progress.counted_until() == NOW


async def test_without_a_checkpoint_nobody_knows_unless_nothing_is_kept_any_longer(
    progress: EventHubsProgress, publish: Publish, event_hubs_peer: EventHubsPeer
) -> None:
    await publish("usage", 3, 2)
    assert await progress.counted_until() == BEGINNING
    event_hubs_peer.expire("usage")
    assert await progress.counted_until() == NOW


async def test_a_checkpoint_without_a_sequence_number_is_none(
    progress: EventHubsProgress, checkpoints: Checkpoints, publish: Publish
) -> None:
    await publish("usage", 3, 2)
    await checkpoints.put("usage", 3, "")
    assert await progress.counted_until() == BEGINNING


async def test_before_the_host_has_made_its_container_nothing_is_read(
    publish: Publish, clock: MovableClock, event_hubs_peer: EventHubsPeer, azurite: Azurite
) -> None:
    assert azurite.port, "skipped where there is none"
    with Azurite() as fresh:
        made = make(event_hubs_peer.connection_string, account(fresh), clock)
        assert await made.counted_until() == NOW
        await publish("usage", 0, 1)
        assert await made.counted_until() == NOW
        clock.set(NOW + HOUR)
        assert await made.counted_until() == NOW
        await made.close()


async def test_hubs_out_of_reach_are_retryable(
    azurite: Azurite, checkpoints: Checkpoints, clock: MovableClock
) -> None:
    assert checkpoints
    nowhere = (
        "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;"
        "UseDevelopmentEmulator=true"
    )
    gone = make(nowhere, account(azurite), clock)
    with pytest.raises(RetryableError, match="hub 127.0.0.1/(usage|other): "):
        await gone.counted_until()
    await gone.close()


async def test_a_storage_account_out_of_reach_is_retryable(
    event_hubs_peer: EventHubsPeer, clock: MovableClock
) -> None:
    url = "http://127.0.0.1:1/devstoreaccount1"
    gone = make(event_hubs_peer.connection_string, url, clock)
    with pytest.raises(RetryableError, match=f"{url}/azure-webjobs-eventhub: Cannot connect"):
        await gone.counted_until()
    await gone.close()


async def test_after_a_fault_the_next_call_is_served_and_knows_what_was_known(
    progress: EventHubsProgress,
    checkpoints: Checkpoints,
    publish: Publish,
    event_hubs_peer: EventHubsPeer,
    clock: MovableClock,
) -> None:
    await publish("usage", 1, 3)
    await checkpoints.put("usage", 1, 1)
    await progress.counted_until()
    await publish("usage", 1, 3)
    await checkpoints.put("usage", 1, 2)
    event_hubs_peer.add(Fault("unauthorised", times=2, hub="other"))
    clock.set(NOW + HOUR)
    with pytest.raises(ConfigurationError, match="GatewayLogsHub: hub 127.0.0.1/other: .*Receiver"):
        await progress.counted_until()
    assert await progress.counted_until() == NOW


async def test_a_hub_that_is_not_there_is_named_with_its_setting(
    event_hubs_peer: EventHubsPeer, azurite: Azurite, checkpoints: Checkpoints, clock: MovableClock
) -> None:
    assert checkpoints
    hubs = ("usage", "nowhere")
    wrong = make(event_hubs_peer.connection_string, account(azurite), clock, hubs=hubs)
    with pytest.raises(ConfigurationError, match="GatewayLogsHub: hub .*/nowhere: does not exist"):
        await wrong.counted_until()
    await wrong.close()


class NoIdentity:
    """What signs in where there is nobody to sign in as."""

    async def get_token_info(self, *_: object, **__: object) -> NoReturn:
        raise ClientAuthenticationError("no managed identity here")

    async def get_token(self, *_: object, **__: object) -> NoReturn:
        raise ClientAuthenticationError("no managed identity here")

    async def close(self) -> None:
        pass


async def test_an_identity_that_cannot_sign_in_is_a_matter_of_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("azure.identity.aio.DefaultAzureCredential", NoIdentity)
    storage = HostCheckpoints("https://contoso.blob.core.windows.net")
    with pytest.raises(
        ConfigurationError, match="AzureWebJobsStorage: https://contoso.*signing in failed: no man"
    ):
        await storage.read("contoso.servicebus.windows.net", "usage", "metering")
    await storage.close()


async def test_in_azure_the_identity_of_the_app_signs_in_and_the_setting_is_named(
    azurite: Azurite, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> NoReturn:
        raise EventHubError("no managed identity here") from ClientAuthenticationError("none")

    assert checkpoints
    monkeypatch.setattr("azure.identity.aio.DefaultAzureCredential", NoIdentity)
    monkeypatch.setattr(EventHubConsumerClient, "get_partition_ids", refuse)
    hub = CountedHub("UsageHub", "contoso.servicebus.windows.net", "usage", "metering")
    storage = HostCheckpoints(account(azurite), emulator=True)
    progress = EventHubsProgress([hub], storage, MovableClock(NOW))
    with pytest.raises(
        ConfigurationError,
        match="UsageHub__fullyQualifiedNamespace: hub contoso.*signing in failed: no managed",
    ):
        await progress.counted_until()
    await progress.close()
