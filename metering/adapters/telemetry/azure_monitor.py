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

#: Instrumentations that the distribution enables by default. Our own spans suffice; a span for
#: every call would cost more than the call, and would contain third parties' addresses.
_OFF: Final = (
    "azure_sdk", "django", "fastapi", "flask", "httpx", "psycopg2", "requests", "urllib", "urllib3",
)  # fmt: skip


def azure_monitor(connection_string: str) -> OpenTelemetry:
    """Return telemetry that sends metrics, traces and our log records to Application Insights.

    APPLICATIONINSIGHTS_AUTHENTICATION_STRING makes the app sign in with its identity. The Functions
    worker must not configure the same exporter again: see docs/observability.md.
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
