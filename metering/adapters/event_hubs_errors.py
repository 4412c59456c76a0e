"""What the client of Event Hubs raises, as our errors."""

from typing import Final

from azure.core.exceptions import AzureError, ClientAuthenticationError

from metering.core.errors import ConfigurationError, RetryableError

_MAX_REASON: Final = 300
_UNAUTHORISED: Final = 401
_NOT_FOUND: Final = 404


def translated(
    error: Exception, place: str, *, setting: str, role: str
) -> RetryableError | ConfigurationError:
    """Return our error for the client's: what can never work names the setting or role."""
    reason = str(error).strip().partition("\n")[0][:_MAX_REASON] or "no answer in time"
    for cause in _causes(error):
        if isinstance(cause, ClientAuthenticationError):
            return ConfigurationError(f"{setting}: {place}: signing in failed: {reason}")
        if isinstance(cause, AzureError):
            continue
        status = getattr(cause, "status_code", None)
        condition = getattr(cause, "condition", b"")
        if status == _NOT_FOUND or condition == b"amqp:not-found":
            return ConfigurationError(f"{setting}: {place}: is not there")
        if status == _UNAUTHORISED or condition == b"amqp:unauthorized-access":
            return ConfigurationError(
                f"{setting}: {place}: no permission: the identity needs the role {role}"
            )
    return RetryableError(f"{place}: {reason}")


def _causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and what it came from: the client hides the cause of what it raises."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
