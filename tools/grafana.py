"""Writes the Grafana dashboards in docs/grafana from the panels in tools/grafana_panels.py.

With --check nothing is written, and the exit status is 1 if a dashboard would differ.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import azuremonitor, common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.azuremonitor import ResultFormat
from grafana_foundation_sdk.models.common import DataSourceRef, LegendDisplayMode
from grafana_foundation_sdk.models.dashboard import GridPos

from metering.local.prometheus import prometheus_name
from tools.grafana_panels import PANELS, Panel, kql, promql
from tools.lock_requirements import ROOT

FOLDER: Final = ROOT / "docs" / "grafana"
#: The variable of a dashboard that names the data source.
_SOURCE: Final = "source"
#: The text box that holds the id of the component of Application Insights.
_COMPONENT: Final = "component"
_EXAMPLE: Final = (
    "/subscriptions/ID/resourceGroups/GROUP/providers/microsoft.insights/components/NAME"
)
_COLUMNS: Final = 24
_HEIGHT: Final = 8

type Queries = Callable[[Panel], Sequence[Any]]


def azure_monitor() -> str:
    """Return the dashboard over Application Insights, through Azure Monitor."""
    kind = "grafana-azure-monitor-datasource"

    def queries(panel: Panel) -> Sequence[Any]:
        logs = (
            azuremonitor.LogsQuery()
            .query(kql(panel))
            .resources([f"${_COMPONENT}"])
            .result_format(ResultFormat.TIME_SERIES)
            .dashboard_time(True)
            .time_column("timestamp")
        )
        query = azuremonitor.MonitorQuery().query_type("Azure Log Analytics")
        return [query.azure_log_analytics(logs).datasource(_source(kind)).ref_id("A")]

    component = (
        dashboard.TextBoxVariable(_COMPONENT)
        .label("Application Insights (resource id)")
        .default_value(
            "/subscriptions/ID/resourceGroups/GROUP/providers/microsoft.insights/components/NAME"
        )
    )
    made = _dashboard("metering-azure-monitor", "Metering (Azure Monitor)", kind, queries)
    return _text(made.with_variable(component))


def over_prometheus() -> str:
    """Return the dashboard over Prometheus."""
    kind = "prometheus"

    def queries(panel: Panel) -> Sequence[Any]:
        shown = " ".join(f"{{{{{prometheus_name(label)}}}}}" for label in panel.labels)
        return [
            prometheus.Dataquery()
            .expr(promql(metric, panel))
            .range()
            .legend_format(shown or metric)
            .datasource(_source(kind))
            .ref_id(letter)
            for letter, metric in zip("ABCDEF", panel.metrics, strict=False)
        ]

    return _text(_dashboard("metering-prometheus", "Metering (Prometheus)", kind, queries))


DASHBOARDS: Final = {
    "metering-azure-monitor.json": azure_monitor,
    "metering-prometheus.json": over_prometheus,
}


def _dashboard(uid: str, title: str, kind: str, queries: Queries) -> dashboard.Dashboard:
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["metering"])
        .time("now-24h", "now")
        .refresh("1m")
        .with_variable(dashboard.DatasourceVariable(_SOURCE).label("Data source").type(kind))
    )
    top = number = 0
    for row, panels in PANELS.items():
        number += 1
        made.with_row(dashboard.Row(row).id(number).grid_pos(GridPos(1, _COLUMNS, 0, top)))
        top += 1
        for index, panel in enumerate(panels):
            number += 1
            width = _COLUMNS // 2
            place = GridPos(_HEIGHT, width, width * (index % 2), top + _HEIGHT * (index // 2))
            made.with_panel(_panel(panel, kind, queries(panel)).id(number).grid_pos(place))
        top += _HEIGHT * ((len(panels) + 1) // 2)
    return made


def _panel(panel: Panel, kind: str, queries: Sequence[Any]) -> timeseries.Panel:
    made = timeseries.Panel().title(panel.title).unit(panel.unit).datasource(_source(kind))
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    made.description(", ".join(panel.metrics)).legend(legend)
    return made.targets(list(queries))


def _source(kind: str) -> DataSourceRef:
    return DataSourceRef(type_val=kind, uid=f"${{{_SOURCE}}}")


def _text(made: dashboard.Dashboard) -> str:
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def main() -> int:
    """Write the dashboards, or say whether they are current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = 0
    for name, text in DASHBOARDS.items():
        if not check:
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / name).write_text(text(), encoding="utf-8")
        elif (FOLDER / name).read_text(encoding="utf-8") != text():
            print(f"docs/grafana/{name} is not current: run `make grafana`", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
