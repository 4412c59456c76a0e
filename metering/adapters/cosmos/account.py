"""One Cosmos DB account: its client, created on first use, and its errors as ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.cosmos.aio import ContainerProxy, CosmosClient

from metering.adapters.cosmos.answers import ClockWatch, OnAnswer, ignore_answer, read_answer
from metering.adapters.cosmos.containers import Container
from metering.adapters.cosmos.refusals import translated
from metering.core.basics.documents import Document
from metering.core.basics.errors import ConfigurationError

#: Far below an invocation's deadline of 60 s; a point read takes milliseconds.
CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 10
#: After a 429 the SDK waits as long as it says, up to this often and this long in all; beyond that
#: the batch is retried.
THROTTLE_RETRIES: Final = 5
THROTTLE_WAIT_S: Final = 10

#: Requests at once: enough to keep the service busy, few enough to avoid being throttled.
_AT_ONCE: Final = 16


class CosmosAccount:
    """One account, with the client of this process."""

    def __init__(
        self,
        endpoint: str,
        database: str,
        key: str | None = None,
        on_answer: OnAnswer = ignore_answer,
    ) -> None:
        """`key` is for emulators; in Azure the app signs in with its identity.

        `on_answer` receives every answer of the service before the SDK does.
        """
        self._on_answer = on_answer
        self.clock_watch = ClockWatch()
        self.endpoint = endpoint
        self.database = database
        self._key = key
        self._client: CosmosClient | None = None
        self._connecting = asyncio.Lock()
        self._checked: set[str] = set()
        self._credential: Any = None

    async def client(self) -> CosmosClient:
        """Return the client, connected on first use."""
        # Requests that come together must not each connect: only one client would be closed.
        async with self._connecting:
            return await self._connected()

    async def _connected(self) -> CosmosClient:
        if self._client is None:
            client = CosmosClient(
                self.endpoint,
                self._credentials(),
                connection_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                # After a lost answer the committer checks the ledger; the SDK must not resend.
                retry_total=0,
                retry_connect=0,
                retry_read=0,
                retry_status=0,
                # The addresses that an emulator reports are valid only on its own host.
                enable_endpoint_discovery=self._key is None,
                retry_throttle_total=THROTTLE_RETRIES,
                retry_throttle_backoff_max=THROTTLE_WAIT_S,
                retry_write=0,
                # What is sized is what is sent: the bytes of the pages, not an escaped form.
                enable_compact_utf8_item_writes=True,
                raw_response_hook=self._answered,
            )
            try:
                await client.__aenter__()
            except ValueError as error:
                await client.close()
                reason = "METERING_COSMOS_KEY is not valid base64"
                raise ConfigurationError(f"store {self.endpoint}: {reason}") from error
            except BaseException:
                await client.close()
                raise
            self._client = client
        return self._client

    def _answered(self, response: Any) -> None:
        answer = read_answer(response)
        self.clock_watch.note(answer)
        self._on_answer(answer)

    def _credentials(self) -> Any:
        if self._key is not None:
            return self._key
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415, slow to import

        self._credential = DefaultAzureCredential()
        return self._credential

    @asynccontextmanager
    async def container(self, container: Container) -> AsyncIterator[ContainerProxy]:
        """Give a container to the body; raise our errors for those of the SDK."""
        place = f"{self.endpoint} {self.database}/{container.name}"
        try:
            client = await self.client()
            database = client.get_database_client(self.database)
            proxy = database.get_container_client(container.name)
            await self._check(proxy, container, place)
            yield proxy
        except (AzureError, OSError, TimeoutError) as error:
            raise translated(error, place) from error

    async def create_all(
        self, container: Container, documents: Sequence[Document]
    ) -> list[Document]:
        """Create documents, each in its own partition; return those whose id exists.

        Existing documents stay as they are.
        """
        there: list[Document] = []
        if not documents:
            return there
        async with self.container(container) as proxy:

            async def create(document: Document) -> None:
                try:
                    await proxy.create_item(document)
                except ResourceExistsError:
                    there.append(document)

            await self.each(documents, create)
        return there

    async def each[T](self, things: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
        """Run `work` for all things, a bounded number at once."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(thing: T) -> None:
            async with places:
                await work(thing)

        await asyncio.gather(*map(one, things))

    async def _check(self, proxy: ContainerProxy, container: Container, place: str) -> None:
        """Read a container once: later, a missing container would answer like a missing item."""
        if container.name in self._checked:
            return
        found = await proxy.read()
        paths = found["partitionKey"]["paths"]
        if paths != [container.partition_key]:
            raise ConfigurationError(
                f"store {place}: its partition key is {', '.join(paths)}, not"
                f" {container.partition_key}"
            )
        self._checked.add(container.name)

    async def close(self) -> None:
        """Close the connections; the next call opens them again."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()
