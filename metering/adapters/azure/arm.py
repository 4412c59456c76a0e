"""Azure Resource Manager: options for its SDKs, and their errors as ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DeserializationError,
    HttpResponseError,
    ServiceRequestError,
)

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.patterns import is_loopback

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 30
#: Retries of the SDK after 408, 429 and 5xx, each after the time in `Retry-After`.
RETRIES: Final = 3
#: For one call of ours in all; also cuts off a longer `Retry-After`.
LONGEST_S: Final = 120
#: The permission for reads.
READER: Final = "the Reader role"

_MAX_REASON: Final = 300
_FOREVER_S: Final = 2**40


class Arm:
    """One endpoint of Azure Resource Manager."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint` is `https://host`; http is for an emulator on this machine."""
        parts = urlsplit(endpoint)
        self.is_emulator = is_loopback(parts)
        if not parts.hostname or not (parts.scheme == "https" or self.is_emulator):
            raise ConfigurationError(f"METERING_ARM_ENDPOINT: {endpoint!r} is not https://HOST")
        self.endpoint = endpoint.rstrip("/")

    def credential(self) -> Any:
        """Return a credential, which the caller closes; an emulator never gets a real token."""
        if self.is_emulator:
            return _EmulatorCredential()
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415, slow to import

        return DefaultAzureCredential()

    @property
    def client_options(self) -> dict[str, Any]:
        """Keywords for the constructor of any client of `azure.mgmt`."""
        return {
            "base_url": self.endpoint,
            "credential_scopes": [f"{self.endpoint}/.default"],
            "connection_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": READ_TIMEOUT_S,
            "retry_total": RETRIES,
        }

    @property
    def request_options(self) -> dict[str, Any]:
        """Keywords for every call of such a client: only an emulator may lack TLS."""
        return {"enforce_https": False} if self.is_emulator else {}

    @asynccontextmanager
    async def asked(self, place: str, *, needs: str = READER) -> AsyncIterator[None]:
        """Limit the body's time; raise our errors for those of the SDK.

        `place` is the resource, e.g. `subscription 00000000-…`; `needs` the required permission.
        """
        try:
            async with asyncio.timeout(LONGEST_S):
                yield
        except (AzureError, DeserializationError, OSError, TimeoutError) as error:
            raise _translated(error, f"Azure {place}", needs) from error


class _EmulatorCredential:
    """A credential for an emulator, whose token is worthless elsewhere."""

    async def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken("emulator", _FOREVER_S)

    async def close(self) -> None:
        """Do nothing: no connection is open."""


def _translated(error: Exception, place: str, needs: str) -> RetryableError | ConfigurationError:
    """Return our error for one of the SDK's; a permanent one says what to change."""
    if isinstance(error, ClientAuthenticationError):
        return ConfigurationError(
            f"{place}: signing in failed (the identity needs {needs}): {_line(error)}"
        )
    if isinstance(error, HttpResponseError):
        return _by_status(error, place, needs)
    if isinstance(error, ServiceRequestError):
        return RetryableError(f"{place}: no connection: {_line(error)}")
    return RetryableError(f"{place}: {_line(error) or 'no answer in time'}")


def _by_status(
    error: HttpResponseError, place: str, needs: str
) -> RetryableError | ConfigurationError:
    status = error.status_code or 0
    if status == 403:  # noqa: PLR2004
        return ConfigurationError(
            f"{place}: no permission: the identity needs {needs}: {_line(error)}"
        )
    if status == 404:  # noqa: PLR2004
        return ConfigurationError(f"{place}: does not exist: {_line(error)}")
    if 400 <= status < 500 and status not in {408, 409, 412, 429}:  # noqa: PLR2004
        return ConfigurationError(f"{place}: refused with status {status}: {_line(error)}")
    return RetryableError(f"{place}: status {status}: {_line(error)}")


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:_MAX_REASON]
