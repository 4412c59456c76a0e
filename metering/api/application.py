"""The application: routers, guards and error handlers."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware

from metering import __version__, bootstrap
from metering.api import openapi, problems
from metering.api.dashboard import ROUTERS as PAGES
from metering.api.guard import PublicRoute
from metering.api.limits import RateLimits, WorkBudgets
from metering.api.routes import ROUTERS
from metering.api.shell import Shell


def create_api(app: bootstrap.App) -> FastAPI:
    """Return the HTTP application over the use cases of a process.

    It does no I/O before the first request. The function app serves it in Azure, the local system
    on this machine.
    """
    api = FastAPI(
        title="metering",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Shell)],
    )
    api.state.metering = app
    api.state.rate_limits = RateLimits(app.settings.http.rate_limit, app.sign_in.clock)
    api.state.work_budgets = WorkBudgets(app.sign_in.clock)
    problems.add_to(api)
    openapi.add_to(api)
    for router in (*ROUTERS, *PAGES):
        # Added as they are: each router has full paths and guards, and a test checks in this one
        # table that every route has a guard.
        api.router.routes.extend(router.routes)
    _describe(api)
    return api


def _describe(api: FastAPI) -> None:
    async def describe(request: Request) -> JSONResponse:
        document: dict[str, Any] = request.app.openapi()
        return JSONResponse(document, headers={"Cache-Control": "public, max-age=300"})

    api.router.routes.append(
        PublicRoute(openapi.PATH, describe, methods=["GET"], include_in_schema=False)
    )
