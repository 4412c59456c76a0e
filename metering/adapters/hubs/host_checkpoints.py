"""The checkpoints of the Functions host: the last event of each partition that a function took.

The host keeps a blob for each partition, named `namespace/hub/consumer group/checkpoint/partition`
in lower case, with the sequence number in its metadata. Source: BlobCheckpointStoreInternal, Azure
SDK for .NET. It leaves the number empty for an event that it knows by offset only, which
Microsoft's reader for Python does not expect.
"""

import asyncio
from typing import Any, Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.storage.blob.aio import ContainerClient, ExponentialRetry

from metering.adapters.exports.blob_exports import EMULATOR_KEY
from metering.core.basics.errors import ConfigurationError, RetryableError

CONTAINER: Final = "azure-webjobs-eventhub"
#: For one list, the client's retries included; it usually takes milliseconds.
LIST_TIMEOUT_S: Final = 10
CONNECT_TIMEOUT_S: Final = 3
READ_TIMEOUT_S: Final = 5
NEEDS: Final = "the role Storage Blob Data Reader"
_RETRIES: Final = 1
_RETRY_BACKOFF_S: Final = 1
_MAX_REASON: Final = 300
_FORBIDDEN: Final = 403
_SEQUENCE: Final = "sequencenumber"


class HostCheckpoints:
    """The checkpoints in one storage account; connected on first use."""

    def __init__(self, account_url: str, *, emulator: bool = False) -> None:
        """`emulator` means Azurite on this machine, with its published key."""
        self.account_url = account_url
        self._emulator = emulator
        self._client: ContainerClient | None = None
        self._credential: Any = None

    async def read(self, namespace: str, hub: str, group: str) -> dict[str, int]:
        """Return the sequence number of the last event taken, by partition.

        Empty before the host has read the hub. Raises RetryableError or ConfigurationError.
        """
        prefix = f"{namespace}/{hub}/{group}/checkpoint/".lower()
        found: dict[str, int] = {}
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                blobs = self._connected().list_blobs(name_starts_with=prefix, include=["metadata"])
                async for blob in blobs:
                    # An empty value comes back as None.
                    sequence = (blob.metadata or {}).get(_SEQUENCE) or ""
                    if sequence.isdecimal():
                        found[blob.name.removeprefix(prefix)] = int(sequence)
        except ResourceNotFoundError:
            # The host creates the container when it first reads a hub.
            return {}
        except (AzureError, OSError, TimeoutError) as error:
            raise self._translated(error) from error
        return found

    async def close(self) -> None:
        """Close the connections; the next call opens them again."""
        client, self._client = self._client, None
        credential, self._credential = self._credential, None
        for opened in (client, credential):
            if opened is not None:
                await opened.close()

    def _connected(self) -> ContainerClient:
        if self._client is None:
            self._client = ContainerClient(
                self.account_url,
                CONTAINER,
                credential=self._signs_in(),
                connection_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retry_policy=ExponentialRetry(
                    initial_backoff=_RETRY_BACKOFF_S,
                    increment_base=2,
                    retry_total=_RETRIES,
                    random_jitter_range=0,
                ),
            )
        return self._client

    def _signs_in(self) -> Any:
        if self._emulator:
            return EMULATOR_KEY
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415, slow to import

        self._credential = DefaultAzureCredential()
        return self._credential

    def _translated(self, error: Exception) -> RetryableError | ConfigurationError:
        place = f"{self.account_url}/{CONTAINER}"
        reason = str(error).strip().partition("\n")[0][:_MAX_REASON] or "no answer in time"
        status = error.status_code if isinstance(error, HttpResponseError) else None
        if isinstance(error, ClientAuthenticationError):
            return ConfigurationError(f"AzureWebJobsStorage: {place}: signing in failed: {reason}")
        if status == _FORBIDDEN:
            return ConfigurationError(
                f"AzureWebJobsStorage: {place}: no permission: the identity needs {NEEDS}"
            )
        return RetryableError(f"{place}: {reason}")
