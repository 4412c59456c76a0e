"""Error responses of the gateway and of the providers, each in its own format."""

from collections.abc import Mapping
from typing import Any, Final

from metering.core.basics.errors import MeteringError

type Json = dict[str, Any]

_RETRYABLE: Final = frozenset({408, 409, 429, 500, 502, 503, 504})

#: Azure OpenAI's code for a status; others have none.
_OPENAI_CODES: Final = {
    401: "PermissionDenied",
    403: "Forbidden",
    408: "Timeout",
    429: "429",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
#: Anthropic's type of error for a status; others are `api_error`.
_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Refusal(MeteringError):
    """An error response: status, body and headers."""

    def __init__(
        self,
        status: int,
        body: Json,
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/json",
    ) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.media_type = media_type


def no_key(url: str, *, given: bool) -> Refusal:
    """Return API Management's response to a missing or unknown key."""
    why = (
        "invalid subscription key. Give a key of an active subscription."
        if given
        else "missing subscription key. Send one with every request."
    )
    realm = f'AzureApiManagementKey realm="{url}",name="api-key",type="header"'
    return Refusal(
        401,
        {"statusCode": 401, "message": f"Access denied due to {why}"},
        headers={"WWW-Authenticate": realm},
    )


def not_found() -> Json:
    """Return API Management's response to an unknown path."""
    return {"statusCode": 404, "message": "Resource not found"}


def openai_refusal(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> Refusal:
    """Return an error of Azure OpenAI."""
    kind = "invalid_request_error" if status < 500 else "server_error"  # noqa: PLR2004, HTTP's own
    error = {
        "message": message,
        "type": kind,
        "param": param,
        "code": code or _OPENAI_CODES.get(status),
    }
    return Refusal(status, {"error": error})


def anthropic_refusal(
    status: int,
    message: str,
    *,
    code: str | None = None,  # noqa: ARG001, Anthropic's errors have a type and no code
    param: str | None = None,
) -> Refusal:
    """Return an error of Anthropic."""
    text = f"{param}: {message}" if param else message
    error = {"type": _ANTHROPIC_TYPES.get(status, "api_error"), "message": text}
    return Refusal(status, {"type": "error", "error": error})


def retry_headers(status: int, wait_ms: int) -> dict[str, str]:
    """Return the Retry-After headers of a status, if it has any."""
    if status not in _RETRYABLE:
        return {}
    return {"retry-after": str(-(-wait_ms // 1_000)), "retry-after-ms": str(wait_ms)}
