"""The service's refusals as our errors, sorted by whose fault they are.

Statuses and sub-statuses: Microsoft, "HTTP status codes for Azure Cosmos DB" (2026-11).
"""

from typing import Final

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.cosmos.exceptions import CosmosBatchOperationError

from metering.core.basics.errors import (
    ConfigurationError,
    HeadMovedError,
    MeteringError,
    PartitionFullError,
    RetryableError,
    TooLargeError,
)

UNAUTHORISED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
PRECONDITION_FAILED: Final = 412
TOO_LARGE: Final = 413
#: A document under an ETag is no longer as it was read: changed, removed, or created first.
MOVED: Final = frozenset({CONFLICT, NOT_FOUND, PRECONDITION_FAILED})

#: Sub-statuses of 403 and 404 that mean something else than a permission or a missing item.
_WRITES_ELSEWHERE: Final = 3
_PARTITION_FULL: Final = 1014
_BEHIND: Final = 1002

_BY_SUB_STATUS: Final[dict[tuple[int, int], tuple[type[MeteringError], str]]] = {
    (FORBIDDEN, _WRITES_ELSEWHERE): (RetryableError, "another region takes the writes now"),
    (FORBIDDEN, _PARTITION_FULL): (PartitionFullError, "a logical partition has its 20 GB"),
    (NOT_FOUND, _BEHIND): (RetryableError, "a replica is behind this session"),
}
_BY_STATUS: Final[dict[int, tuple[type[MeteringError], str]]] = {
    UNAUTHORISED: (ConfigurationError, "METERING_COSMOS_KEY is not this account's key"),
    FORBIDDEN: (
        ConfigurationError,
        "no permission: the identity needs the Cosmos DB data contributor role",
    ),
    NOT_FOUND: (ConfigurationError, "does not exist: run `metering init`"),
    PRECONDITION_FAILED: (HeadMovedError, "another process wrote first"),
    TOO_LARGE: (TooLargeError, "more bytes than one request may have"),
}


def translated(error: Exception, place: str) -> MeteringError:
    """Return our error for one of the SDK's; its class says whose fault it is.

    ConfigurationError is a fault of this installation, and names the setting or resource.
    TooLargeError is one of the document, PartitionFullError one of its logical partition.
    RetryableError is one of the account or the network, and whatever is not known.
    """
    if isinstance(error, ClientAuthenticationError):
        return ConfigurationError(f"store {place}: signing in failed: {_line(error)}")
    if isinstance(error, HttpResponseError):
        return _by_status(error, place)
    if isinstance(error, ServiceRequestError):
        return RetryableError(f"store {place}: no connection: {_line(error)}")
    return RetryableError(f"store {place}: {_line(error)}")


def sub_status_of(error: HttpResponseError) -> int:
    """Return the sub-status of a refusal; of a batch, that of the operation that failed."""
    found = getattr(error, "sub_status", None)
    if isinstance(error, CosmosBatchOperationError) and error.operation_responses:
        failed = error.operation_responses[error.error_index or 0]
        found = found or failed.get("subStatusCode")
    return int(found or 0)


def _by_status(error: HttpResponseError, place: str) -> MeteringError:
    status = error.status_code or 0
    kind, reason = _BY_SUB_STATUS.get((status, sub_status_of(error))) or _BY_STATUS.get(
        status, (RetryableError, f"status {status}: {_line(error)}")
    )
    return kind(f"store {place}: {reason}")


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
