"""The guard of exports: exporters have keys of their own, and errors in the form that they read.

Source: OpenTelemetry protocol 1.9, "Failures": the body is a `google.rpc.Status`; 429, 502, 503 and
504 are sent again, after `Retry-After` where it is given, and every other status is not.
"""

import http
from typing import Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from metering.api.guard import UNKNOWN, GuardedRoute, Handler, limited_identity
from metering.api.parameters import app_of
from metering.api.problems import Problem
from metering.core.basics.errors import RetryableError
from metering.core.tenancy.access import Action, NotSignedIn
from metering.core.tenancy.exporters import Named
from metering.documents.exporters import KEY_HEADER

_RETRY_AFTER_S: Final = "5"


class ExportRoute(GuardedRoute):
    """A route for exporters of telemetry."""

    action = Action.EXPORT

    def get_route_handler(self) -> Handler:
        """Return the handler of the route, behind its own guard."""
        handle = APIRoute.get_route_handler(self)

        async def guarded(request: Request) -> Response:
            try:
                request.state.exporter = await _exporter(request)
                return await handle(request)
            except Problem as problem:
                refusal = problem
            except NotSignedIn as why:
                signing_in = {"WWW-Authenticate": "Bearer"}
                refusal = Problem(http.HTTPStatus.UNAUTHORIZED, why.reason, headers=signing_in)
            except HTTPException as error:
                refusal = Problem(error.status_code, str(error.detail))
            except RequestValidationError:
                refusal = Problem(http.HTTPStatus.NOT_FOUND, "v1/metrics, v1/traces or v1/logs")
            except RetryableError as why:
                again = {"Retry-After": _RETRY_AFTER_S}
                status = http.HTTPStatus.SERVICE_UNAVAILABLE
                refusal = Problem(status, str(why), headers=again)
            return _refused(request, refusal)

        return guarded


def _refused(request: Request, problem: Problem) -> Response:
    """Return a problem as exporters read it, in the encoding of the request."""
    from metering.adapters.otlp.bodies import (  # noqa: PLC0415, its messages take a while
        Encoding,
        NotReadable,
        encoding_of,
        status,
    )

    try:
        encoding = encoding_of(request.headers.get("content-type"))
    except NotReadable:
        encoding = Encoding.JSON
    content = status(encoding, problem.detail)
    return Response(content, problem.status, problem.headers, media_type=encoding.value)


async def _exporter(request: Request) -> Named:
    """Return the exporter whose key or identity a request has, counted against its limit.

    A key is looked up in memory first, so that a wrong one costs no read of the store.
    """
    app, limits = app_of(request), request.app.state.rate_limits
    key = request.headers.get(KEY_HEADER)
    if key is None:
        identity = await limited_identity(request)
        await app.tenancy.refresh_if_due()
        found = app.tenancy.directory.exporters.by_identity(identity.subject)
        if found is None:
            raise Problem(403, f"{identity.subject} is not authorised: {Action.EXPORT}.")
        return found
    found = app.tenancy.directory.exporters.by_key(key, app.clock.now())
    limits.take(UNKNOWN if found is None else f"exporter:{found.name}")
    await app.tenancy.refresh_if_due()
    found = app.tenancy.directory.exporters.by_key(key, app.clock.now())
    if found is None:
        raise NotSignedIn(f"the key in {KEY_HEADER} is not valid")
    return found
