"""A process of the function app, and all that it tells: metrics and spans stay in memory."""

from contextlib import suppress
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from metering import bootstrap
from metering.adapters.telemetry.open_telemetry import OpenTelemetry
from metering.core.basics.errors import MeteringError
from metering.core.installation.metrics import GAUGES, HISTOGRAMS, Gauge
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import HubEvent
from metering.ports import NO_LABELS, Labels
from metering.settings.settings import Settings
from tests.builders import NOW
from tests.systems import MovableClock


class World(NamedTuple):
    """One process of the app, and all that it tells."""

    app: bootstrap.App
    clock: MovableClock
    worker: FunctionsWorker
    reader: InMemoryMetricReader
    finished: InMemorySpanExporter

    async def ingest(self, *bodies: bytes, function: str = "ingest_usage") -> None:
        batch = [
            HubEvent(content, "sub-1", number, str(number), NOW)
            for number, content in enumerate(bodies, 5)
        ]
        await self.worker.invoke_event_hub(function, batch, "2")

    async def timer(self, name: str) -> None:
        await self.worker.invoke_timer(name)

    async def ask(self, subscription: str) -> None:
        """Ask for admission, as the route does once it knows who asks."""
        with suppress(MeteringError):
            await self.app.admission.of(subscription)

    def figures(self) -> dict[str, float]:
        """Return every figure so far, with its labels and without."""
        found: dict[str, float] = {}
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for metric in resource.scope_metrics[0].metrics:
                for point in metric.data.data_points:
                    if metric.name in GAUGES:
                        found |= self.app.telemetry.last  # type: ignore[attr-defined]
                        continue
                    value = point.count if metric.name in HISTOGRAMS else point.value  # type: ignore[union-attr]
                    labels = [f"{key}={text}" for key, text in sorted(point.attributes.items())]  # type: ignore[union-attr]
                    for name in {metric.name, " ".join([metric.name, *labels])}:
                        found[name] = found.get(name, 0) + value
        return found

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.finished.get_finished_spans() if span.name == name]


class _LastGauges(OpenTelemetry):
    """Knows the last value of each gauge, which a distribution does not tell."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.last: dict[str, float] = {}

    def set(self, name: Gauge, value: int, labels: Labels = NO_LABELS) -> None:
        text = " ".join([name, *(f"{key}={label}" for key, label in sorted(labels.items()))])
        self.last[name] = self.last[text] = value
        super().set(name, value, labels)


def watched(settings: Settings) -> tuple[bootstrap.App, MovableClock, Any, Any]:
    """Return an app whose telemetry stays in memory."""
    app, clock = bootstrap.App(settings), MovableClock(NOW)
    reader, finished = InMemoryMetricReader(), InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(finished))
    app.telemetry = _LastGauges(
        MeterProvider([reader]).get_meter("metering"), tracers.get_tracer("metering")
    )
    app.clock = clock
    bootstrap.use(app)
    return app, clock, reader, finished
