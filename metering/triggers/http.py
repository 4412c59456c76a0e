"""The HTTP trigger: passes every request to the application, which routes and authorises."""

from time import perf_counter
from typing import Final

import azure.functions as func

from metering import bootstrap

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

#: Statuses from here on are faults of the application; refusals are not.
_SERVER_ERROR: Final = 500

#: The application that serves requests, with the app it was built for.
_served: Final[list[tuple[bootstrap.App, func.AsgiMiddleware]]] = []


@blueprint.function_name("api")
@blueprint.route(
    route="{*route}",
    methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    # Function keys identify no caller: the application authenticates.
    auth_level=func.AuthLevel.ANONYMOUS,
)
async def api(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve a request. The host streams neither request nor response bodies."""
    began = perf_counter()
    status = _SERVER_ERROR
    try:
        answer: func.HttpResponse = await _middleware().handle_async(req, context)
        status = answer.status_code
    finally:
        outcome = "ok" if status < _SERVER_ERROR else "failed"
        taken = (perf_counter() - began) * 1_000
        labels = {"function": "api", "outcome": outcome}
        bootstrap.current().telemetry.record("metering.function.duration_ms", taken, labels)
    return answer


def _middleware() -> func.AsgiMiddleware:
    """Return the application, built at the first request: the host limits imports to 30 s."""
    app = bootstrap.current()
    if not _served or _served[0][0] is not app:
        from metering.api import create_api  # noqa: PLC0415

        middleware = func.AsgiMiddleware(create_api(app))  # type: ignore[no-untyped-call]
        _served[:] = [(app, middleware)]
    return _served[0][1]
