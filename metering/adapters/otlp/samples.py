"""Data points of an export of metrics as samples: sums, and the sums of histograms."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.protobuf.json_format import MessageToJson

from metering.core.aggregates.vocabulary import Sample
from metering.core.basics.instants import Instant

_NS_IN_US: Final = 1_000
#: AggregationTemporality in opentelemetry/proto/metrics/v1/metrics.proto.
_CUMULATIVE: Final = 2
#: What has a sum over time. A gauge has none, and a summary's cannot be merged.
_SUMMED: Final = ("sum", "histogram", "exponential_histogram")


def samples_of(export: Any) -> Iterator[Sample]:
    """Yield the samples of an ExportMetricsServiceRequest."""
    for of_resource in export.resource_metrics:
        resource = attributes_of(of_resource.resource.attributes)
        for scope in of_resource.scope_metrics:
            for metric in scope.metrics:
                yield from _samples(metric, resource)


def _samples(metric: Any, resource: dict[str, str]) -> Iterator[Sample]:
    kind = metric.WhichOneof("data")
    if kind not in _SUMMED:
        return
    data = getattr(metric, kind)
    is_cumulative = data.aggregation_temporality == _CUMULATIVE
    for point in data.data_points:
        value = _value(kind, point)
        if value is None:
            continue
        yield Sample(
            metric.name,
            resource,
            attributes_of(point.attributes),
            _instant(point.start_time_unix_nano),
            _instant(point.time_unix_nano),
            value,
            is_cumulative,
        )


def _value(kind: str, point: Any) -> float | None:
    if kind != "sum":
        return float(point.sum) if point.HasField("sum") else None
    field = point.WhichOneof("value")
    return None if field is None else getattr(point, field)


def _instant(nanoseconds: int) -> Instant:
    return nanoseconds // _NS_IN_US


def attributes_of(pairs: Iterable[Any]) -> dict[str, str]:
    """Return attributes by name, each as text."""
    return {pair.key: _text(pair.value) for pair in pairs}


def _text(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    found = getattr(value, kind)
    if kind == "bool_value":
        return "true" if found else "false"
    if kind in {"string_value", "int_value", "double_value"}:
        return str(found)
    return str(MessageToJson(value, indent=None))
