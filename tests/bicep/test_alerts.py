"""Alerts and workbook name only what the code emits, and the documentation names all of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from metering.core.installation.metric_table import METRIC_TABLE
from metering.core.installation.metrics import COUNTERS, GAUGES, HISTOGRAMS, METRICS

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = json.loads((ROOT / "bicep/alerts.json").read_text())
METRIC_RULES: list[dict[str, Any]] = json.loads((ROOT / "bicep/metric-alerts.json").read_text())
WORKBOOK: dict[str, Any] = json.loads((ROOT / "bicep/workbook.json").read_text())
QUERIES = {
    **{rule["name"]: "\n".join(rule["query"]) for rule in RULES},
    **{
        item["content"]["title"]: item["content"]["query"]
        for item in WORKBOOK["items"]
        if item["type"] == 3
    },
}
#: One query over metrics of every kind; tests/bicep/test_status.py evaluates it.
STATUS = "Status of the last hour"
#: Titles of queries about what others emit.
OF_OTHERS = {"Commits", "Tokens by the gateway's own metric, where it is sent here"}
#: Labels that a query asks for.
_ASKED = re.compile(r"customDimensions(?:\.(\w+)|\['([^']+)'\])")


def metrics_in(query: str) -> set[str]:
    return set(re.findall(r"(?<!\[)'((?:metering|gen_ai)\.[^']*)'", query))


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_names_only_metrics_that_are_emitted(name: str) -> None:
    named = metrics_in(QUERIES[name])
    assert named <= set(METRICS)
    assert named or name in OF_OTHERS


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_only_for_labels_that_its_metric_has(name: str) -> None:
    query = QUERIES[name]
    if name in OF_OTHERS:
        return
    asked = {one[0] or one[1] for one in re.findall(_ASKED, query)}
    named = metrics_in(query)
    assert asked <= {
        label for metric in METRICS if metric in named for label in METRIC_TABLE[metric].labels
    }


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_aggregates_each_kind_of_metric_as_it_can_be(name: str) -> None:
    query = QUERIES[name]
    if name == STATUS:
        return
    for metric in metrics_in(query):
        if metric in COUNTERS:
            assert "valueMax" not in query
        if metric in GAUGES:
            # Of several values in a span the greatest says something, their sum does not.
            assert "valueSum" not in query
        # The sum of a distribution is a figure only where it distributes amounts.
        if metric in HISTOGRAMS and metric != "gen_ai.client.token.usage":
            assert "valueMax" in query or "valueCount" in query


def test_every_metric_is_in_the_workbook() -> None:
    shown = set().union(*(metrics_in(query) for query in QUERIES.values()))
    assert shown == set(METRICS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["name"])
def test_a_rule_compares_a_figure_and_splits_by_columns_of_its_query(rule: dict[str, Any]) -> None:
    last = [line for line in rule["query"] if line.startswith(("| summarize", "| project"))][-1]
    assert "figure = " in last
    # The language service says in test_kql.py which columns there are.
    assert all(re.search(rf"\b{column}\b", last) for column in rule["split"])
    assert rule["operator"] in {"GreaterThan", "LessThan"}
    assert rule["severity"] in range(4)
    assert re.fullmatch(r"P(T\d+[MH]|[12]D)", rule["window"])
    assert re.fullmatch(r"PT\d+[MH]", rule["every"])


def test_rules_have_names_of_their_own() -> None:
    assert len({rule["name"] for rule in RULES}) == len(RULES)


def test_what_must_be_told_has_a_rule() -> None:
    assert {rule["name"] for rule in RULES} >= {
        "silent",
        "stalled",
        "unread",
        "lag",
        "dead-letters",
        "throttling",
        "segment",
        "unpriced",
        "missing",
        "unclaimed",
        "parked-effects",
        "close-overdue",
        "ledger-stopped",
    }


def test_the_documentation_says_what_to_do_about_each_alert() -> None:
    page = (ROOT / "docs/observability.md").read_text()
    rows = set(re.findall(r"^\| `([\w.-]+)`", page, re.MULTILINE))
    assert {rule["name"] for rule in RULES} | {rule["name"] for rule in METRIC_RULES} == rows
