"""HTTP requests and responses as the Functions host passes them to and from a function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from metering.local.functions.messages import TypedData

_OK = 200


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request for an HTTP function: `params` come from its route, `query` from the URL."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The response of an HTTP function."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def http_data(request: HttpRequest) -> TypedData:
    """Return the request as the worker library takes it; header names are lower-cased."""
    message = SimpleNamespace(
        method=request.method,
        url=request.url,
        headers={name.lower(): value for name, value in request.headers.items()},
        params=dict(request.params),
        query=dict(request.query),
        body=TypedData(bytes=request.body) if request.body else TypedData(),
    )
    return TypedData(http=message)


def http_response(returned: TypedData | None) -> HttpResponse:
    """Return the response that the host would send for what a function returned."""
    if returned is None or returned.kind is None:
        return HttpResponse(_OK, {}, b"")
    if returned.kind != "http":
        return HttpResponse(_OK, {"content-type": "text/plain; charset=utf-8"}, _bytes(returned))
    message: Any = returned.value
    return HttpResponse(int(message.status_code), dict(message.headers), _bytes(message.body))


def _bytes(data: TypedData) -> bytes:
    return data.value if isinstance(data.value, bytes) else str(data.value).encode()
