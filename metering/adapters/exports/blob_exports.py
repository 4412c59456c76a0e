"""Exports in a container of Azure Blob Storage: blocks first, then one commit of the block list.

Uncommitted blocks are invisible, and the service removes them after a week. Source: "Put Block",
Azure Storage REST API, 2026-10.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, ContentSettings
from azure.storage.blob.aio import BlobPrefix, ContainerClient, ExponentialRetry

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.exports.delivery_manifest import checked_name, checked_prefix
from metering.ports import Staged

#: A blob has at most 50,000 blocks, so a file at most 48 GiB; one block is in memory at a time.
#: aiohttp warns of larger bodies, which may block the event loop.
BLOCK_BYTES: Final = 1024 * 1024
#: For one request, the client's retries included; a block takes seconds on a slow line.
LONGEST_S: Final = 60
CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 20
RETRIES: Final = 3
#: Before the first retry; the SDK's default of 15 s would leave no time for a second.
RETRY_BACKOFF_S: Final = 1
#: The published key of Azurite, Microsoft's emulator, which opens no other account.
EMULATOR_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
NEEDS: Final = "the role Storage Blob Data Contributor"

_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "gz": "application/gzip",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
_MAX_REASON: Final = 300
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_MISSING: Final = 404
_CODES_OF_RACES: Final = frozenset({"InvalidBlobOrBlock", "InvalidBlockList", "BlobModified"})


class BlobExports:
    """Implements ExportStore; connected on first use."""

    def __init__(
        self,
        url: str,
        setting: str = "METERING_EXPORTS",
        *,
        emulator: bool = False,
        retries: int = RETRIES,
    ) -> None:
        """`url` is `https://ACCOUNT.blob.core.windows.net/CONTAINER`; the app's identity signs in.

        `setting` names it in errors. `emulator` means Azurite on this machine, with
        its published key.
        """
        self.url = url
        self._setting = setting
        self._emulator = emulator
        self._retry = ExponentialRetry(
            initial_backoff=RETRY_BACKOFF_S,
            increment_base=2,
            retry_total=retries,
            random_jitter_range=1,
        )
        self._client: ContainerClient | None = None
        self._credential: Any = None

    async def stage(self, name: str, content: AsyncIterator[bytes]) -> Staged:
        """Upload the blocks; a block's id follows from its content, so retries are idempotent."""
        blob = self._connected().get_blob_client(checked_name(name))
        blocks: list[str] = []
        async for block in _in_blocks(content):
            digest = hashlib.sha256(block).hexdigest()[:32]
            blocks.append(f"{len(blocks):08d}-{digest}")
            async with self._asked(name):
                await blob.stage_block(blocks[-1], block, length=len(block), validate_content=True)
        return Staged(name, tuple(blocks))

    async def publish(self, *staged: Staged) -> None:
        """Commit the block lists; each replaces its blob atomically."""
        for one in staged:
            await self._commit(one)

    async def _commit(self, staged: Staged) -> None:
        blob = self._connected().get_blob_client(staged.name)
        settings = ContentSettings(content_type=_TYPES.get(staged.name.rpartition(".")[2]))
        async with self._asked(staged.name):
            await blob.commit_block_list(
                [BlobBlock(block_id) for block_id in staged.parts], content_settings=settings
            )

    async def discard(self, staged: Staged) -> None:
        """Do nothing: the service removes uncommitted blocks."""

    async def read(self, name: str) -> bytes | None:
        """Return the content of a blob, or None if it does not exist."""
        blob = self._connected().get_blob_client(checked_name(name))
        async with self._asked(name):
            try:
                stream = await blob.download_blob()
                return bytes(await stream.readall())
            except ResourceNotFoundError as error:
                if _code(error) == "ContainerNotFound":
                    raise
                return None
        raise AssertionError

    async def names(self, prefix: str) -> list[str]:
        """Return the names of the committed blobs below a prefix."""
        container = self._connected()
        async with self._asked(prefix):
            found = container.list_blob_names(name_starts_with=checked_prefix(prefix))
            return sorted([name async for name in found])
        raise AssertionError

    async def remove(self, name: str) -> None:
        """Delete a blob."""
        blob = self._connected().get_blob_client(checked_name(name))
        async with self._asked(name):
            try:
                await blob.delete_blob()
            except ResourceNotFoundError as error:
                if _code(error) == "ContainerNotFound":
                    raise

    async def folders(self, prefix: str) -> list[str]:
        """Return the folders below a prefix, by one request for some thousands of them."""
        container = self._connected()
        below = checked_prefix(prefix)
        async with self._asked(prefix):
            found = container.walk_blobs(name_starts_with=below, delimiter="/")
            names = [one.name async for one in found if isinstance(one, BlobPrefix)]
            return sorted(name.removeprefix(below).removesuffix("/") for name in names)
        raise AssertionError

    async def remove_folder(self, prefix: str) -> None:
        """Delete every blob below a prefix; the service removes uncommitted blocks."""
        for name in await self.names(prefix):
            await self.remove(name)

    async def close(self) -> None:
        """Close the connections; the next call opens them again."""
        client, self._client = self._client, None
        credential, self._credential = self._credential, None
        if client is not None:
            await client.close()
        if credential is not None:
            await credential.close()

    def _connected(self) -> ContainerClient:
        if self._client is None:
            self._client = ContainerClient.from_container_url(
                self.url,
                credential=self._signs_in(),
                connection_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retry_policy=self._retry,
            )
        return self._client

    def _signs_in(self) -> Any:
        if self._emulator:
            return EMULATOR_KEY
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415, slow to import

        self._credential = DefaultAzureCredential()
        return self._credential

    @asynccontextmanager
    async def _asked(self, name: str) -> AsyncIterator[None]:
        """Limit the body's time; raise our errors for those of the SDK."""
        try:
            async with asyncio.timeout(LONGEST_S):
                yield
        except (AzureError, OSError, TimeoutError) as error:
            raise _translated(error, f"exports: {self.url}/{name}", self._setting) from error


async def _in_blocks(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield content in blocks, none if it is empty."""
    held = bytearray()
    async for piece in content:
        held += piece
        while len(held) >= BLOCK_BYTES:
            yield bytes(held[:BLOCK_BYTES])
            del held[:BLOCK_BYTES]
    if held:
        yield bytes(held)


def _translated(error: Exception, place: str, setting: str) -> RetryableError | ConfigurationError:
    """Return our error for one of the SDK's; a permanent one says what to change."""
    reason = str(error).strip().partition("\n")[0][:_MAX_REASON] or "no answer in time"
    if isinstance(error, ClientAuthenticationError):
        return ConfigurationError(f"{place}: signing in failed ({NEEDS} is needed): {reason}")
    status = error.status_code or 0 if isinstance(error, HttpResponseError) else 0
    if status == _FORBIDDEN:
        return ConfigurationError(f"{place}: no permission: {NEEDS} is needed: {reason}")
    if status == _MISSING:
        return ConfigurationError(f"{place}: {setting}: the container does not exist: {reason}")
    if status == _BAD_REQUEST and _code(error) not in _CODES_OF_RACES:
        return ConfigurationError(f"{place}: refused: {reason}")
    return RetryableError(f"{place}: {reason}")


def _code(error: Exception) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code))
