"""`/metrics` of a local run: the metrics of this process in Prometheus form, on loopback."""

from typing import Final

from prometheus_client import make_asgi_app
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from metering import bootstrap
from metering.local.prometheus import Prometheus

PATH: Final = "/metrics"
#: Names of this machine. A page of another site that has its name lead here is not answered.
_HOSTS: Final = ("127.0.0.1", "localhost")


def measure(app: bootstrap.App) -> Prometheus | None:
    """Have an app keep its metrics for /metrics; None where they go somewhere else."""
    if app.settings.telemetry != "off":
        return None
    telemetry = Prometheus()
    app.telemetry = telemetry
    return telemetry


def with_metrics(api: ASGIApp, telemetry: Prometheus | None) -> ASGIApp:
    """Return the API with /metrics beside it."""
    if telemetry is None:
        return api
    metrics = TrustedHostMiddleware(make_asgi_app(telemetry.registry), _HOSTS)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        await (metrics if scope.get("path") == PATH else api)(scope, receive, send)

    return either
