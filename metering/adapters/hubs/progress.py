"""How far Event Hubs have been counted: the ends of their partitions against the checkpoints.

The host moves a checkpoint on after its function returned, and our functions are retried until they
do: through a checkpoint everything is committed, or set aside as a dead letter. (Of those, what is
`ledger_stopped` is not counted; its ledger is broken, and is not closed for that reason.)
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, NamedTuple

from azure.core.exceptions import AzureError
from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.exceptions import EventHubError

from metering.adapters.hubs.host_checkpoints import HostCheckpoints
from metering.adapters.hubs.publisher import translated
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import FOREVER
from metering.core.hubs.partition_progress import Known, Look, after_look
from metering.ports import Clock

#: In one call. Traffic never stops, so at no single look are all partitions read to their ends;
#: what a look found at the ends is read a moment later, and then that look is what is proven.
LOOKS: Final = 3
PAUSE_S: Final = 2.0
#: For one look at all hubs, retries included; all looks are below an invocation's deadline of 60 s.
LOOK_TIMEOUT_S: Final = 15
#: Of requests to a hub at once: each has a connection of its own.
_AT_ONCE: Final = 8
_AUTH_TIMEOUT_S: Final = 10
_RETRIES: Final = 1
_RETRY_BACKOFF_S: Final = 0.2
_CLOSE_TIMEOUT_S: Final = 5


class CountedHub(NamedTuple):
    """A hub and the consumer group that the function app reads it in."""

    connection: str
    """The name of the setting that the trigger has, such as UsageHub."""
    host: str
    """Of the namespace, without a port: checkpoints are kept under it."""
    hub: str
    group: str
    connection_string: str | None = None
    """For emulators; in Azure the identity of the app signs in."""


class EventHubsProgress:
    """Implements HubProgress for the hubs that the function app reads.

    What earlier looks found is remembered in the process. A restart forgets it, and the next call
    finds it again as soon as its first look has been caught up with: a busy hub is then known to be
    counted a few seconds or one run of the timer later, never wrongly.
    """

    def __init__(
        self,
        hubs: Sequence[CountedHub],
        checkpoints: HostCheckpoints,
        clock: Clock,
        *,
        looks: int = LOOKS,
        pause: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Look so many times in a call at most, with pauses between."""
        self._hubs = hubs
        self._checkpoints = checkpoints
        self._clock = clock
        self._looks = looks
        self._pause = pause or partial(asyncio.sleep, PAUSE_S)
        self._known: dict[tuple[CountedHub, str], Known] = {}
        self._clients: dict[CountedHub, EventHubConsumerClient] = {}
        self._credential: Any = None
        self._turn = asyncio.Lock()

    async def counted_until(self) -> Instant:
        """Return the least of all partitions; look again while one has more than was counted."""
        async with self._turn:
            at = self._clock.now()
            for look in range(self._looks):
                if look:
                    await self._pause()
                await self._look()
                until = min((known.until for known in self._known.values()), default=FOREVER)
                if until >= at:
                    break
            return until

    async def close(self) -> None:
        """Let the connections go; the next call opens them again."""
        async with self._turn:
            await self._let_go()

    async def _look(self) -> None:
        """Look at every partition of every hub once."""
        at = self._clock.now()
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                looks = await _together(self._look_at(hub, at) for hub in self._hubs)
        except TimeoutError as error:
            await self._let_go()
            names = ", ".join(_place(hub) for hub in self._hubs)
            raise RetryableError(f"{names}: no answer in time") from error
        except BaseException:
            # After a fault nobody knows what the clients would do next.
            await self._let_go()
            raise
        self._known = {
            (hub, partition): after_look(self._known.get((hub, partition), Known()), look)
            for hub, found in zip(self._hubs, looks, strict=True)
            for partition, look in found.items()
        }

    async def _look_at(self, hub: CountedHub, at: Instant) -> dict[str, Look]:
        """Look at one hub: at the checkpoints first, for they move on towards the ends."""
        counted = await self._checkpoints.read(hub.host, hub.hub, hub.group)
        client = self._connected(hub)
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def end_of(partition: str) -> Look:
            async with at_once, _asked(hub):
                found = await client.get_partition_properties(partition)
            last = int(found["last_enqueued_sequence_number"])
            return Look(at, last, bool(found["is_empty"]), counted.get(partition))

        async with _asked(hub):
            partitions = await client.get_partition_ids()
        looks = await _together(end_of(partition) for partition in partitions)
        return dict(zip(partitions, looks, strict=True))

    def _connected(self, hub: CountedHub) -> EventHubConsumerClient:
        if hub not in self._clients:
            options: dict[str, Any] = {
                "auth_timeout": _AUTH_TIMEOUT_S,
                "retry_total": _RETRIES,
                "retry_backoff_factor": _RETRY_BACKOFF_S,
            }
            if hub.connection_string is None:
                client = EventHubConsumerClient(
                    hub.host, hub.hub, hub.group, self._identity(), **options
                )
            else:
                client = EventHubConsumerClient.from_connection_string(
                    hub.connection_string, hub.group, eventhub_name=hub.hub, **options
                )
            self._clients[hub] = client
        return self._clients[hub]

    def _identity(self) -> Any:
        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415, slow to import

            self._credential = DefaultAzureCredential()
        return self._credential

    async def _let_go(self) -> None:
        opened: list[Any] = [*self._clients.values(), self._checkpoints]
        self._clients.clear()
        credential, self._credential = self._credential, None
        if credential is not None:
            opened.append(credential)
        for one in opened:
            # What does not even close is left to the collector: its error is not ours to tell.
            with suppress(EventHubError, AzureError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await one.close()


async def _together[T](calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the answers in order; the first fault ends the other calls and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None
    return [task.result() for task in tasks]


@asynccontextmanager
async def _asked(hub: CountedHub) -> AsyncIterator[None]:
    """Turn what the client raises there into our errors."""
    setting = hub.connection
    if hub.connection_string is None:
        setting += "__fullyQualifiedNamespace"
    try:
        yield
    except (EventHubError, AzureError, OSError) as error:
        role = "Azure Event Hubs Data Receiver"
        raise translated(error, _place(hub), setting=setting, role=role) from error


def _place(hub: CountedHub) -> str:
    return f"hub {hub.host}/{hub.hub}"
