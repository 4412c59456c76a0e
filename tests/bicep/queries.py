"""Every KQL query of the project: of alert rules, workbook, Grafana and documentation."""

import json
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
RULES: Final[list[dict[str, Any]]] = json.loads((ROOT / "bicep/alerts.json").read_text())
METRIC_RULES: Final[list[dict[str, Any]]] = json.loads(
    (ROOT / "bicep/metric-alerts.json").read_text()
)
WORKBOOK: Final[dict[str, Any]] = json.loads((ROOT / "bicep/workbook.json").read_text())
#: As a workbook fills its time parameter in.
_GRAIN: Final = "30m"
_IN_DOCS: Final = re.compile(r"^ *(?:customMetrics|traces|requests)\n(?: *\| .*\n)+", re.MULTILINE)


def rule_query(rule: dict[str, Any]) -> str:
    """Return the query of an alert rule, as Bicep joins its lines."""
    return "\n".join(rule["query"])


def workbook_queries() -> dict[str, str]:
    """Return the queries of the workbook by title."""
    return {
        item["content"]["title"]: item["content"]["query"].replace("{Span:grain}", _GRAIN)
        for item in WORKBOOK["items"]
        if item["type"] == 3
    }


def grafana_queries() -> dict[str, str]:
    """Return the queries of the Grafana dashboard over Azure Monitor by title of their panel."""
    dashboard = json.loads((ROOT / "docs/grafana/metering-azure-monitor.json").read_text())
    return {
        panel["title"]: target["azureLogAnalytics"]["query"].replace("$__interval", _GRAIN)
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }


def documented_queries() -> dict[str, str]:
    """Return the queries of the documentation by page and place."""
    return {
        f"{page.relative_to(ROOT)}:{found.start()}": found[0]
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for found in _IN_DOCS.finditer(page.read_text(encoding="utf-8"))
    }
