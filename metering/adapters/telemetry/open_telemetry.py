"""Telemetry through OpenTelemetry: instruments, spans and the console exporter."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import Link, Tracer, get_current_span
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from metering.core.installation.metrics import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    Counter,
    Gauge,
    Histogram,
    bounds_of,
    unit_of,
)
from metering.ports import NO_LABELS, Attributes, Labels, Span

#: The instrumentation scope, and the logger whose records are exported.
SCOPE: Final = "metering"
RESOURCE: Final = Resource.create({"service.name": SCOPE})


class OpenTelemetry:
    """Implements Telemetry over a meter and a tracer."""

    def __init__(self, meter: Meter, tracer: Tracer) -> None:
        self._tracer = tracer
        self._traces = TraceContextTextMapPropagator()
        self._counters = {name: meter.create_counter(name, unit_of(name)) for name in COUNTERS}
        # Not the SDK's gauges: the SDK exports those every minute until they are set anew, so a
        # heartbeat would never stop, and a fault that is over would stay.
        self._gauges = {name: meter.create_histogram(name, unit_of(name)) for name in GAUGES}
        self._histograms = {
            name: meter.create_histogram(
                name, unit_of(name), explicit_bucket_boundaries_advisory=bounds_of(name)
            )
            for name in HISTOGRAMS
        }

    def add(self, name: Counter, amount: float, labels: Labels = NO_LABELS) -> None:
        """Add to a counter."""
        self._counters[name].add(amount, labels)

    def record(self, name: Histogram, value: float, labels: Labels = NO_LABELS) -> None:
        """Record one value of a distribution."""
        self._histograms[name].record(value, labels)

    def set(self, name: Gauge, value: int, labels: Labels = NO_LABELS) -> None:
        """Set a gauge."""
        self._gauges[name].record(value, labels)

    @contextmanager
    def span(self, name: str, attributes: Attributes, links: Sequence[str] = ()) -> Iterator[Span]:
        """Open a span as a child of the current one."""
        found = [link for link in map(self._link, links) if link is not None]
        # An exception's text may repeat what a client sent, so only its type is recorded.
        with self._tracer.start_as_current_span(
            name, attributes=attributes, links=found, record_exception=False
        ) as span:
            yield _OpenSpan(span)

    def _link(self, traceparent: str) -> Link | None:
        context = self._traces.extract({"traceparent": traceparent})
        found = get_current_span(context).get_span_context()
        return Link(found) if found.is_valid else None


class _OpenSpan:
    """Implements Span."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the span."""
        self._span.set_attributes(attributes)


def open_telemetry(meters: MeterProvider, tracers: TracerProvider) -> OpenTelemetry:
    """Return telemetry over two providers, which flush when the process ends."""
    return OpenTelemetry(meters.get_meter(SCOPE), tracers.get_tracer(SCOPE))


def console() -> OpenTelemetry:
    """Return telemetry on standard error, with metrics every minute and at the end."""
    reader = PeriodicExportingMetricReader(ConsoleMetricExporter(out=sys.stderr))
    tracers = TracerProvider(resource=RESOURCE)
    tracers.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
    return open_telemetry(MeterProvider([reader], resource=RESOURCE), tracers)
