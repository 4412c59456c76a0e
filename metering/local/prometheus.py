"""Metrics in Prometheus form, to be read from one process; spans go nowhere."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

import prometheus_client as prometheus
from prometheus_client.metrics import MetricWrapperBase

from metering.core.installation.metric_table import METRIC_TABLE
from metering.core.installation.metrics import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    Counter,
    Gauge,
    Histogram,
    Metric,
    bounds_of,
)
from metering.ports import NO_LABELS, SILENT, Attributes, Labels, Span


def prometheus_name(name: str) -> str:
    """Return the name of a metric or label in PromQL; counters end with `_total` besides."""
    return name.replace(".", "_")


def series_of(name: Metric) -> str:
    """Return the name of the series of a metric; those of a histogram begin with it."""
    return f"{prometheus_name(name)}_total" if name in COUNTERS else prometheus_name(name)


class Prometheus:
    """Implements Telemetry over a registry that /metrics serves."""

    def __init__(self) -> None:
        self.registry: Final = prometheus.CollectorRegistry()
        # When a series began is of use to few, and doubles the lines of every counter.
        prometheus.disable_created_metrics()
        self._counters = {
            name: prometheus.Counter(*_about(name), registry=self.registry) for name in COUNTERS
        }
        self._gauges = {
            name: prometheus.Gauge(*_about(name), registry=self.registry) for name in GAUGES
        }
        self._histograms = {
            name: prometheus.Histogram(
                *_about(name), registry=self.registry, buckets=bounds_of(name)
            )
            for name in HISTOGRAMS
        }

    def add(self, name: Counter, amount: float, labels: Labels = NO_LABELS) -> None:
        """Add to a counter."""
        _of(self._counters[name], name, labels).inc(amount)

    def record(self, name: Histogram, value: float, labels: Labels = NO_LABELS) -> None:
        """Record one value of a distribution."""
        _of(self._histograms[name], name, labels).observe(value)

    def set(self, name: Gauge, value: int, labels: Labels = NO_LABELS) -> None:
        """Set a gauge."""
        _of(self._gauges[name], name, labels).set(value)

    def span(
        self, name: str, attributes: Attributes, links: Sequence[str] = ()
    ) -> AbstractContextManager[Span]:
        """Open nothing: Prometheus has no traces."""
        return SILENT.span(name, attributes, links)


def _about(name: Metric) -> tuple[str, str, list[str]]:
    """Return the name, the meaning and the names of the labels of a metric."""
    about = METRIC_TABLE[name]
    return prometheus_name(name), about.meaning, [prometheus_name(one) for one in about.labels]


def _of[M: MetricWrapperBase](metric: M, name: Metric, labels: Labels) -> M:
    """Return the series of some labels; an empty label is one that is not there."""
    names = METRIC_TABLE[name].labels
    return metric.labels(*(labels.get(one, "") for one in names)) if names else metric
