"""Files of Event Hubs Capture in a container of Azure Blob Storage."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Any, Final
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.storage.blob.aio import ContainerClient

from metering.adapters.exports.blob_exports import EMULATOR_KEY
from metering.adapters.hubs.capture_avro import read_capture
from metering.core.basics.errors import CaptureDamaged, ConfigurationError, RetryableError
from metering.core.basics.patterns import is_loopback
from metering.core.hubs.capture import CapturedEvent, CaptureFile

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 30
RETRIES: Final = 3
NEEDS: Final = "the role Storage Blob Data Reader"
#: Bytes of a file that stay in memory; a larger one goes to a temporary file.
_IN_MEMORY_BYTES: Final = 16 * 1024 * 1024
_EMULATOR_ACCOUNT: Final = "devstoreaccount1"
_MAX_REASON: Final = 300


class CaptureContainer:
    """Implements CaptureSource; connected on first use."""

    def __init__(self, url: str) -> None:
        """`url` is `https://ACCOUNT.blob.core.windows.net/CONTAINER`, optionally with a prefix.

        The caller's identity signs in; http is for an emulator on this machine. ConfigurationError
        for any other URL, which the message does not repeat: it may contain a signature.
        """
        parts = urlsplit(url)
        self._is_emulator = is_loopback(parts)
        account, path = parts.netloc, unquote(parts.path).strip("/")
        if self._is_emulator:
            head, _, path = path.partition("/")
            account = f"{parts.netloc}/{head}" if head == _EMULATOR_ACCOUNT else ""
        self._container, _, self._prefix = path.partition("/")
        is_plain = not parts.query and not parts.fragment and "@" not in parts.netloc
        is_web = parts.scheme == "https" or self._is_emulator
        if not (is_web and is_plain and account and self._container):
            raise ConfigurationError(
                "--from: is neither a folder nor https://ACCOUNT.blob.core.windows.net/CONTAINER"
                " without a signature; sign in with `az login`"
            )
        self._account = f"{parts.scheme}://{account}"
        self._client: ContainerClient | None = None
        self._credential: Any = None

    async def list_files(self) -> list[CaptureFile]:
        """Return the Avro files below the prefix."""
        async with self._asked():
            found = self._connected().list_blobs(name_starts_with=self._prefix or None)
            return [
                CaptureFile(blob.name, blob.size) async for blob in found
                if blob.name.endswith(".avro")
            ]  # fmt: skip
        raise AssertionError

    async def events(self, file: CaptureFile) -> AsyncIterator[CapturedEvent]:
        """Download one blob, then yield its events."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as copy:
            await self._download(file, copy)
            copy.seek(0)
            for event in read_capture(copy):  # type: ignore[arg-type]  # it reads like a file
                yield event

    async def close(self) -> None:
        """Close the connection."""
        for opened in (self._client, self._credential):
            if opened is not None:
                await opened.close()
        self._client = self._credential = None

    async def _download(self, file: CaptureFile, copy: IO[bytes]) -> None:
        async with self._asked():
            try:
                stream = await self._connected().download_blob(file.name)
            except ResourceNotFoundError:
                raise CaptureDamaged("no longer exists") from None
            async for chunk in stream.chunks():
                copy.write(chunk)

    def _connected(self) -> ContainerClient:
        if self._client is None:
            self._client = ContainerClient(
                self._account,
                self._container,
                self._signed_in(),
                connection_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retry_total=RETRIES,
            )
        return self._client

    def _signed_in(self) -> Any:
        if self._is_emulator:
            return EMULATOR_KEY
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415, slow to import

        self._credential = DefaultAzureCredential()
        return self._credential

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        try:
            yield
        except (AzureError, OSError, TimeoutError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> RetryableError | ConfigurationError:
        place = f"container {self._account}/{self._container}"
        reason = str(error).strip().partition("\n")[0][:_MAX_REASON]
        if isinstance(error, ClientAuthenticationError):
            return ConfigurationError(f"{place}: signing in failed: {reason}")
        if isinstance(error, HttpResponseError):
            match error.status_code:
                case 403:
                    return ConfigurationError(
                        f"{place}: no permission: assign {NEEDS} to your identity"
                    )
                case 404:
                    return ConfigurationError(f"{place}: does not exist")
        return RetryableError(f"{place}: {reason or 'no answer in time'}")
