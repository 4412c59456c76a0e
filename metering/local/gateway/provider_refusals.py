"""Errors of Google, AWS, Cohere and Mistral, as the policies write them for their clients."""

from typing import Final

from metering.local.gateway.refusals import Json, Refusal

_STATES: Final = {
    400: "INVALID_ARGUMENT",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_KINDS: Final = {
    400: "ValidationException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def _error(message: str, code: str | None, param: str | None) -> Json:
    return {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def google_refusal(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> Refusal:
    """Return an error of Google: a number and a status."""
    named = {"code": status, "status": _STATES.get(status, "UNKNOWN"), "reason": code}
    return Refusal(status, {"error": _error(message, code, param) | named})


def aws_refusal(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> Refusal:
    """Return an error of AWS: a type and a message."""
    kind = _KINDS.get(status, "ModelErrorException")
    error = _error(message, code or kind, param)
    return Refusal(status, {"__type": kind, "message": message, "error": error})


def message_refusal(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> Refusal:
    """Return an error of Cohere: a message."""
    return Refusal(status, {"message": message, "error": _error(message, code, param)})
