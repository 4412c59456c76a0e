"""The Grafana dashboards: of Grafana's own types, and about the metrics that there are."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.azuremonitor import MonitorQuery
from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.prometheus import Dataquery

from metering.core.installation.metric_table import METRIC_TABLE
from metering.core.installation.metrics import COUNTERS, GAUGES, HISTOGRAMS, METRICS, Metric
from metering.local.prometheus import Prometheus, prometheus_name
from tools.grafana import DASHBOARDS, FOLDER

register_default_plugins()

FILES: Final = {name: (FOLDER / name).read_text(encoding="utf-8") for name in DASHBOARDS}
AZURE: Final = json.loads(FILES["metering-azure-monitor.json"])
PROMETHEUS: Final = json.loads(FILES["metering-prometheus.json"])


def targets(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for panel in dashboard["panels"] for one in panel.get("targets", ())]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_what_the_panels_make_and_grafanas_types_read(name: str) -> None:
    text = FILES[name]
    assert text == DASHBOARDS[name](), "run `make grafana`"

    read = Dashboard.from_json(json.loads(text))

    # What its types do not know would be lost, here and in Grafana.
    assert JSONEncoder(sort_keys=True, indent=2).encode(read) + "\n" == text
    kind = Dataquery if "prometheus" in name else MonitorQuery
    panels = read.panels or []
    queries = [one for panel in panels for one in getattr(panel, "targets", None) or ()]
    assert len(queries) >= len(panels) - 6
    assert all(isinstance(one, kind) for one in queries)


@pytest.mark.parametrize("dashboard", [AZURE, PROMETHEUS])
def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [
        (x, y)
        for at in places
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)
    sources = {one["datasource"]["uid"] for one in targets(dashboard)}
    assert sources == {"${source}"}
    assert "source" in {one["name"] for one in dashboard["templating"]["list"]}


def test_queries_over_azure_monitor_name_every_metric_and_no_other() -> None:
    named: set[str] = set()
    for target in targets(AZURE):
        query = target["azureLogAnalytics"]["query"]
        found = set(re.findall(r"(?<!\[)'((?:metering|gen_ai)\.[^']*)'", query))
        labels = set(re.findall(r"customDimensions\['([^']+)'\]", query))
        assert all(labels <= set(METRIC_TABLE[one].labels) for one in METRICS if one in found)
        named |= found
    assert named == set(METRICS)


def test_queries_over_prometheus_read_every_metric_by_series_and_labels_that_it_serves() -> None:
    served = dict(_served())
    read: set[Metric] = set()
    for target in targets(PROMETHEUS):
        shown = target["expr"].replace("$__rate_interval", "5m")
        for series, labels in _selected(promql_parser.parse(shown), frozenset()):
            metric, names = served[series]
            assert labels <= names, series
            read.add(metric)
    assert read == set(METRICS)


def _served() -> Iterator[tuple[str, tuple[Metric, frozenset[str]]]]:
    """Yield each series that /metrics has, with its metric and the names of its labels."""
    telemetry = Prometheus()
    for counter in COUNTERS:
        telemetry.add(counter, 1, dict.fromkeys(METRIC_TABLE[counter].labels, "x"))
    for histogram in HISTOGRAMS:
        telemetry.record(histogram, 1, dict.fromkeys(METRIC_TABLE[histogram].labels, "x"))
    for gauge in GAUGES:
        telemetry.set(gauge, 1, dict.fromkeys(METRIC_TABLE[gauge].labels, "x"))
    by_family: dict[str, Metric] = {prometheus_name(metric): metric for metric in METRICS}
    for family in telemetry.registry.collect():
        for sample in family.samples:
            yield sample.name, (by_family[family.name], frozenset(sample.labels))


def _selected(node: Any, by: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each series of an expression, with the labels by which it is grouped."""
    match type(node).__name__:
        case "AggregateExpr":
            modifier = node.modifier
            labels = frozenset(modifier.labels) if modifier is not None else frozenset()
            yield from _selected(node.expr, labels)
        case "BinaryExpr":
            yield from _selected(node.lhs, by)
            yield from _selected(node.rhs, by)
        case "Call":
            for one in node.args:
                yield from _selected(one, by)
        case "MatrixSelector":
            yield node.vector_selector.name, by
        case "VectorSelector":
            yield node.name, by
        case "NumberLiteral":
            return
        case other:
            raise NotImplementedError(other)
