"""Problems: error responses (RFC 9457)."""

import http
import json
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from metering.core.basics.errors import (
    ConfigurationError,
    InvariantBroken,
    LedgerBroken,
    RetryableError,
    StaleRevisionError,
)
from metering.core.basics.validation import reason_of
from metering.core.tenancy.access import NotSignedIn

MEDIA_TYPE: Final = "application/problem+json"
LOGGER: Final = "metering.api"
_log: Final = logging.getLogger(LOGGER)
#: Invalid fields that a problem lists.
_MAX_FAULTS: Final = 20

type Headers = Mapping[str, str]


class Problem(Exception):
    """An error response."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str | None = None,
        headers: Headers | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title
        self.headers = dict(headers or {})
        self.errors = errors


def not_found() -> Problem:
    """Return the problem for a missing resource, and for one that the caller cannot access."""
    return Problem(404, "Not found.")


def response(problem: Problem) -> Response:
    """Return a problem as a response."""
    title = problem.title or http.HTTPStatus(problem.status).phrase
    slug = title.lower().replace(" ", "-").replace("'", "")
    body: dict[str, Any] = {
        "type": f"urn:metering:problem:{slug}",
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = list(problem.errors)
    headers = {"Cache-Control": "no-store", **problem.headers}
    # What a field is called may be the caller's own text, in which UTF-8 cannot write everything.
    content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    return Response(content, problem.status, headers, media_type=MEDIA_TYPE)


def unexpected(error: BaseException) -> Response:
    """Return the response to an unexpected error: only a reference that the log contains."""
    reference = uuid.uuid4()
    _log.error("request failed: reference %s", reference, exc_info=error)
    return response(Problem(500, f"Internal error; reference {reference}."))


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the rejection of a use case into a problem with its reason."""
    try:
        yield
    except ConfigurationError as refused:
        raise Problem(422, str(refused), title="Rejected") from refused


def add_to(api: FastAPI) -> None:
    """Return every error of an application as a problem."""
    api.add_exception_handler(Problem, _problem)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(NotSignedIn, _not_signed_in)
    api.add_exception_handler(StaleRevisionError, _stale)
    api.add_exception_handler(RetryableError, _later)
    api.add_exception_handler(LedgerBroken, _later)
    api.add_exception_handler(InvariantBroken, _broken)
    api.add_exception_handler(ConfigurationError, _not_set_up)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return response(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == http.HTTPStatus.NOT_FOUND:
        return response(not_found())
    detail = f"{request.method} is not supported for this URL."
    if error.status_code != http.HTTPStatus.METHOD_NOT_ALLOWED:
        detail = str(error.detail)
    return response(Problem(error.status_code, detail, headers=error.headers))


async def _invalid(_: Request, error: Exception) -> Response:
    """Name every invalid field, without its value."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {"field": _place(one["loc"]), "message": reason_of(str(one["msg"]))}
        for one in error.errors()[:_MAX_FAULTS]
    ]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return response(Problem(400, "The body is not valid JSON.", errors=faults))
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in faults[:3])
    return response(Problem(422, detail, errors=faults))


def _place(loc: Sequence[str | int]) -> str:
    """Return the name of a parameter, or the path of a field in the body."""
    inside = loc[1:] if loc and loc[0] in {"body", "query", "path", "header"} else loc
    return ".".join(str(part) for part in inside) or "body"


async def _not_signed_in(_: Request, error: Exception) -> Response:
    assert isinstance(error, NotSignedIn)
    headers = {"WWW-Authenticate": 'Bearer realm="metering", error="invalid_token"'}
    return response(Problem(401, f"Sign in: {error.reason}.", headers=headers))


async def _stale(_: Request, error: Exception) -> Response:
    return response(Problem(412, str(error)))


async def _later(_: Request, error: Exception) -> Response:
    _log.warning("request failed temporarily: %s", error)
    detail = "The store cannot be reached, or the ledger failed its check."
    return response(
        Problem(503, detail, title="Temporarily unavailable", headers={"Retry-After": "1"})
    )


async def _broken(_: Request, error: Exception) -> Response:
    return unexpected(error)


async def _not_set_up(_: Request, error: Exception) -> Response:
    """Return a problem without settings or paths, which only the log contains."""
    _log.error("request failed: configuration: %s", error)
    detail = "This installation is not configured completely; see its log."
    return response(Problem(503, detail, title="Not configured", headers={"Retry-After": "60"}))
