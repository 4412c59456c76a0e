"""HTTP: every request, to the one application that knows the routes and who may call them."""

from typing import Final

import azure.functions as func

from metering import bootstrap

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

#: The application that serves, with the use cases that it was made over.
_served: Final[list[tuple[bootstrap.App, func.AsgiMiddleware]]] = []


@blueprint.function_name("api")
@blueprint.route(
    route="{*route}",
    methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    # Function keys are no names: the application itself finds out who calls.
    auth_level=func.AuthLevel.ANONYMOUS,
)
async def api(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve a request. Bodies come and go whole: the host streams neither."""
    answer: func.HttpResponse = await _middleware().handle_async(req, context)
    return answer


def _middleware() -> func.AsgiMiddleware:
    """Return the application, made at the first request: the host waits 30 s for an import."""
    app = bootstrap.current()
    if not _served or _served[0][0] is not app:
        from metering.api import create_api  # noqa: PLC0415

        middleware = func.AsgiMiddleware(create_api(app))  # type: ignore[no-untyped-call]
        _served[:] = [(app, middleware)]
    return _served[0][1]
