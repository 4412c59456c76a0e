"""The counted-until watermark of Event Hubs: ends of partitions compared with checkpoints.

The host advances a checkpoint after its function returned, and our functions are retried until they
return: every event up to a checkpoint is committed or a dead letter. (Dead letters with the code
`ledger_stopped` are not counted, but their ledger is broken and therefore not closed.)
"""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
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
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.hubs.partition_progress import Observation, Watermark, advance
from metering.ports import Clock

#: Observations in one call. Under traffic no single observation finds every partition read to its
#: end; a moment later the host has read up to the ends observed first, which proves those.
OBSERVATIONS: Final = 3
PAUSE_S: Final = 2.0
#: For one observation of all hubs, retries included; all stay below an invocation's 60 s.
LOOK_TIMEOUT_S: Final = 15
#: Requests to a hub at once: each has its own connection.
_AT_ONCE: Final = 8
_AUTH_TIMEOUT_S: Final = 10
_RETRIES: Final = 1
_RETRY_BACKOFF_S: Final = 0.2
_CLOSE_TIMEOUT_S: Final = 5


class CountedHub(NamedTuple):
    """A hub and the consumer group of the function app."""

    connection: str
    """The connection setting of the trigger, such as UsageHub."""
    host: str
    """The host name of the namespace, without a port, under which checkpoints are stored."""
    hub: str
    group: str
    connection_string: str | None = None
    """For emulators; in Azure the app signs in with its identity."""


class EventHubsProgress:
    """Implements HubProgress for the hubs that the function app reads.

    The process remembers earlier observations. After a restart the watermark of a busy hub is known
    again once its first observation is reached: seconds or one timer run later, never too high.
    """

    def __init__(
        self,
        hubs: Sequence[CountedHub],
        checkpoints: HostCheckpoints,
        clock: Clock,
        *,
        observations: int = OBSERVATIONS,
        pause: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Observe at most `observations` times in a call, with pauses between."""
        self._hubs = hubs
        self._checkpoints = checkpoints
        self._clock = clock
        self._looks = observations
        self._pause = pause or partial(asyncio.sleep, PAUSE_S)
        self._watermarks: dict[tuple[CountedHub, str], Watermark] = {}
        self._clients: dict[CountedHub, EventHubConsumerClient] = {}
        self._credential: Any = None
        self._turn = asyncio.Lock()

    async def counted_until(self) -> Instant:
        """Return the lowest watermark of all partitions; observe again while one is behind."""
        async with self._turn:
            return await self._counted_until()

    async def counted_by_hub(self) -> Mapping[str, Instant]:
        """Return the lowest watermark of each hub.

        The first observation stands in for a partition that has not been read to it since.
        """
        async with self._turn:
            await self._counted_until()
            found: dict[str, Instant] = {}
            for (hub, _), known in self._watermarks.items():
                until = known.target_at if known.until == BEGINNING else known.until
                found[hub.hub] = min(found.get(hub.hub, FOREVER), until)
            return found

    async def _counted_until(self) -> Instant:
        at = self._clock.now()
        for look in range(self._looks):
            if look:
                await self._pause()
            await self._observe()
            until = min((known.until for known in self._watermarks.values()), default=FOREVER)
            if until >= at:
                break
        return until

    async def close(self) -> None:
        """Close the connections; the next call opens them again."""
        async with self._turn:
            await self._let_go()

    async def _observe(self) -> None:
        """Observe every partition of every hub once."""
        at = self._clock.now()
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                observations = await _together(self._observe_hub(hub, at) for hub in self._hubs)
        except TimeoutError as error:
            await self._let_go()
            names = ", ".join(_place(hub) for hub in self._hubs)
            raise RetryableError(f"{names}: no answer in time") from error
        except BaseException:
            # After a fault the state of the clients is unknown.
            await self._let_go()
            raise
        self._watermarks = {
            (hub, partition): advance(self._watermarks.get((hub, partition), Watermark()), look)
            for hub, found in zip(self._hubs, observations, strict=True)
            for partition, look in found.items()
        }

    async def _observe_hub(self, hub: CountedHub, at: Instant) -> dict[str, Observation]:
        """Observe one hub, checkpoints first: they advance towards the ends."""
        counted = await self._checkpoints.read(hub.host, hub.hub, hub.group)
        client = self._connected(hub)
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def end_of(partition: str) -> Observation:
            async with at_once, _asked(hub):
                found = await client.get_partition_properties(partition)
            last = int(found["last_enqueued_sequence_number"])
            return Observation(at, last, bool(found["is_empty"]), counted.get(partition))

        async with _asked(hub):
            partitions = await client.get_partition_ids()
        observations = await _together(end_of(partition) for partition in partitions)
        return dict(zip(partitions, observations, strict=True))

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
            # A client that fails to close is left to the garbage collector.
            with suppress(EventHubError, AzureError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await one.close()


async def _together[T](calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order; the first error cancels the other calls and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None
    return [task.result() for task in tasks]


@asynccontextmanager
async def _asked(hub: CountedHub) -> AsyncIterator[None]:
    """Raise our errors for those of the client."""
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
