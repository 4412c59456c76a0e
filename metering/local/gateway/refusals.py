"""Error responses of the gateway and of the providers, each in its own format."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

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
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


_TITLES: Final = {
    402: "No credit is left",
    403: "This is not allowed",
    429: "A quota is reached",
}
_FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
#: Clients wait for a minute at most.
_LONGEST_WAIT_S: Final = 60


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


def too_fast(wait_s: int) -> Refusal:
    """Return API Management's response to a request beyond a rate."""
    message = f"Rate limit is exceeded. Try again in {wait_s} seconds."
    body = {"statusCode": 429, "message": message}
    return Refusal(429, body, headers={"Retry-After": str(wait_s)})


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
    text = f"{param}: {message.removeprefix(f'{param} ')}" if param else message
    error = {"type": _ANTHROPIC_TYPES.get(status, "api_error"), "message": text}
    return Refusal(status, {"type": "error", "error": error})


class Refuse(Protocol):
    """Builds a provider's errors."""

    def __call__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> Refusal:
        """Return the error for a status."""
        ...


def not_admitted(refuse: Refuse, rule: Mapping[str, Any], request_id: str, model: str) -> Refusal:
    """Return the response to a request that admission blocks, as its client expects errors.

    `x-should-retry` keeps clients from trying again for a window that is far away (openai 3.54,
    anthropic 2.12).
    """
    reason = str(rule.get("reason", "blocked"))
    status, detail = _status(reason), rule.get("detail")
    message = f"{_TITLES[status]}{f': {detail}' if detail else f' ({reason})'}."
    if status == _TOO_MANY and rule.get("resets_at"):
        message += f" It resets at {rule['resets_at']}."
    refusal = refuse(status, message, code=reason)
    error = refusal.body["error"]
    if "param" in error:
        error["type"] = "invalid_request_error" if status == _FORBIDDEN else "insufficient_quota"
        error["param"] = "model" if status == _FORBIDDEN else None
    names = ["limit", "remaining", "resets_at"]
    # Google's code is a number; the reason stands beside it.
    error |= {"reason" if "status" in error else "code": reason, "model": model}
    error |= {name: rule[name] for name in names if rule.get(name) is not None}
    refusal.body["request_id"] = request_id
    wait = rule.get("retry_after_s")
    if status == _TOO_MANY and wait is not None:
        error["retry_after_s"] = wait
        refusal.headers |= {
            "Retry-After": str(wait),
            "x-should-retry": "false" if wait > _LONGEST_WAIT_S else "true",
            **_limit_headers(rule, is_anthropic="param" not in error),
        }
    return refusal


def _limit_headers(rule: Mapping[str, Any], *, is_anthropic: bool) -> dict[str, str]:
    """Return the headers in which providers tell of limits on requests and tokens."""
    metric = rule.get("metric")
    if metric not in {"requests", "tokens"}:
        return {}
    limit, remaining = str(rule["limit"]), str(rule["remaining"])
    if is_anthropic:
        name = f"anthropic-ratelimit-{metric}"
        told = {"limit": limit, "remaining": remaining, "reset": str(rule["resets_at"])}
        return {f"{name}-{of}": value for of, value in told.items()}
    told = {"limit": limit, "remaining": remaining, "reset": f"{rule['retry_after_s']}s"}
    return {f"x-ratelimit-{of}-{metric}": value for of, value in told.items()}


#: Reasons that end by themselves, beside those that name a quota or a limit.
_TEMPORARY: Final = frozenset({"held", "scheduled", "spike"})


def _status(reason: str) -> int:
    """402: credit is used up; 429: wait for the window to reset; 403: not allowed."""
    if "credit" in reason or "prepaid" in reason:
        return 402
    is_temporary = reason in _TEMPORARY or "quota" in reason or "limit" in reason
    return _TOO_MANY if is_temporary else _FORBIDDEN


def retry_headers(status: int, wait_ms: int) -> dict[str, str]:
    """Return the Retry-After headers of a status, if it has any."""
    if status not in _RETRYABLE:
        return {}
    return {"retry-after": str(-(-wait_ms // 1_000)), "retry-after-ms": str(wait_ms)}
