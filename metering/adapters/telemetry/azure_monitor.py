"""Telemetry to Application Insights, through Microsoft's distribution of OpenTelemetry."""

from typing import Final, cast

from azure.monitor.opentelemetry import configure_azure_monitor
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from metering.adapters.telemetry.open_telemetry import (
    RESOURCE,
    SCOPE,
    OpenTelemetry,
    open_telemetry,
)

#: Instrumentations that the distribution would switch on. Our own spans say what matters; those of
#: every call would cost more than what they are about, and have addresses of others in them.
_OFF: Final = (
    "azure_sdk", "django", "fastapi", "flask", "httpx", "psycopg2", "requests", "urllib", "urllib3",
)  # fmt: skip


def azure_monitor(connection_string: str) -> OpenTelemetry:
    """Send metrics, traces and the records of our loggers to Application Insights.

    Its own setting APPLICATIONINSIGHTS_AUTHENTICATION_STRING says that the identity of the app
    signs in. The worker must not configure the same again: see docs/observability.md.
    """
    configure_azure_monitor(
        connection_string=connection_string,
        logger_name=SCOPE,
        resource=RESOURCE,
        instrumentation_options={name: {"enabled": False} for name in _OFF},
        enable_live_metrics=False,
        enable_performance_counters=False,
    )
    meters = cast("MeterProvider", metrics.get_meter_provider())
    return open_telemetry(meters, cast("TracerProvider", trace.get_tracer_provider()))
