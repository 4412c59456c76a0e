"""Publishing to one hub of Azure Event Hubs through Microsoft's client."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.eventhub import EventData, EventDataBatch
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import EventHubError

from metering.core.basics.errors import Code, ConfigurationError, RejectedEvent, RetryableError
from metering.core.hubs.partition_key import check_key
from metering.ports import Outgoing

#: For one batch, retries of the client included; it usually takes milliseconds.
SEND_TIMEOUT_S: Final = 10
#: For one call in all: far below an invocation's deadline of 60 s.
PUBLISH_TIMEOUT_S: Final = 30
#: For a token or the first frame.
AUTH_TIMEOUT_S: Final = 10
#: By the client, after a connection fault; the caller handles a refusal.
RETRIES: Final = 2
RETRY_BACKOFF_S: Final = 0.2
_CLOSE_TIMEOUT_S: Final = 5


class EventHubsPublisher:
    """Implements UsagePublisher for one hub; connected on first use."""

    def __init__(
        self,
        host: str,
        hub: str,
        connection_string: str | None = None,
        *,
        timeout_s: float = PUBLISH_TIMEOUT_S,
    ) -> None:
        """`connection_string` is for emulators; in Azure the app signs in with its identity."""
        self.host = host
        self.hub = hub
        self._connection_string = connection_string
        self._timeout_s = timeout_s
        self._client: EventHubProducerClient | None = None
        self._credential: Any = None
        self._turn = asyncio.Lock()

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Publish in batches of one key; send the first one once all of them are built."""
        if not events:
            return
        for _, key in events:
            check_key(key)
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout_s):
                    client = self._connected()
                    for batch in await _batches(client, events):
                        await client.send_batch(batch, timeout=SEND_TIMEOUT_S)
            except RejectedEvent:
                raise
            except (EventHubError, AzureError, OSError, TimeoutError) as error:
                await self._let_go()
                raise self._translated(error) from error
            except BaseException:
                # After a cancelled call the state of the client is unknown.
                await self._let_go()
                raise

    async def partitions(self) -> list[str]:
        """Return the partitions of the hub, once a sender link is open; publish nothing.

        Raises the errors of `publish`.
        """
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout_s):
                    client = self._connected()
                    await client.create_batch()
                    return list(await client.get_partition_ids())
            except (EventHubError, AzureError, OSError, TimeoutError) as error:
                raise self._translated(error) from error
            finally:
                await self._let_go()

    async def close(self) -> None:
        """Close the connection; the next call opens it again."""
        async with self._turn:
            await self._let_go()

    def _connected(self) -> EventHubProducerClient:
        if self._client is None:
            options: dict[str, Any] = {
                "auth_timeout": AUTH_TIMEOUT_S,
                "retry_total": RETRIES,
                "retry_backoff_factor": RETRY_BACKOFF_S,
            }
            if self._connection_string is None:
                self._client = EventHubProducerClient(
                    self.host, self.hub, self._identity(), **options
                )
            else:
                self._client = EventHubProducerClient.from_connection_string(
                    self._connection_string, eventhub_name=self.hub, **options
                )
        return self._client

    def _identity(self) -> Any:
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415, slow to import

        self._credential = DefaultAzureCredential()
        return self._credential

    async def _let_go(self) -> None:
        client, self._client = self._client, None
        credential, self._credential = self._credential, None
        for opened in (client, credential):
            if opened is not None:
                # A client that fails to close is left to the garbage collector.
                with suppress(EventHubError, AzureError, OSError, TimeoutError):
                    async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                        await opened.close()

    def _translated(self, error: Exception) -> RetryableError | ConfigurationError:
        setting = "UsageHub" if self._connection_string else "UsageHub__fullyQualifiedNamespace"
        place = f"hub {self.host}/{self.hub}"
        return translated(error, place, setting=setting, role="Azure Event Hubs Data Sender")


async def _batches(
    client: EventHubProducerClient, events: Sequence[Outgoing]
) -> list[EventDataBatch]:
    """Return the events in batches of one key, each within the size limit of the hub."""
    filling: dict[str, EventDataBatch] = {}
    full: list[EventDataBatch] = []
    for body, key in events:
        batch = filling.get(key)
        if batch is not None and _added(batch, body):
            continue
        fresh = await client.create_batch(partition_key=key)
        if not _added(fresh, body):
            raise RejectedEvent(
                Code.TOO_LARGE,
                f"a body of {len(body)} bytes: the hub takes {fresh.max_size_in_bytes} with"
                " what is around it",
            )
        if batch is not None:
            full.append(batch)
        filling[key] = fresh
    return [*full, *filling.values()]


def _added(batch: EventDataBatch, body: bytes) -> bool:
    try:
        batch.add(EventData(body))
    except ValueError:
        return False
    return True


_MAX_REASON: Final = 300
_UNAUTHORISED: Final = 401
_NOT_FOUND: Final = 404


def translated(
    error: Exception, place: str, *, setting: str, role: str
) -> RetryableError | ConfigurationError:
    """Return our error for the client's; a permanent one names the setting or role."""
    reason = str(error).strip().partition("\n")[0][:_MAX_REASON] or "no answer in time"
    for cause in _causes(error):
        if isinstance(cause, ClientAuthenticationError):
            return ConfigurationError(f"{setting}: {place}: signing in failed: {reason}")
        if isinstance(cause, AzureError):
            continue
        status = getattr(cause, "status_code", None)
        condition = getattr(cause, "condition", b"")
        if status == _NOT_FOUND or condition == b"amqp:not-found":
            return ConfigurationError(f"{setting}: {place}: does not exist")
        if status == _UNAUTHORISED or condition == b"amqp:unauthorized-access":
            return ConfigurationError(
                f"{setting}: {place}: no permission: the identity needs the role {role}"
            )
    return RetryableError(f"{place}: {reason}")


def _causes(error: BaseException | None) -> list[BaseException]:
    """Yield an error and its causes, some of which the client hides."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
