"""Microsoft's language service takes every query, and each gives the columns that are needed."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.bicep.queries import (
    RULES,
    documented_queries,
    grafana_queries,
    rule_query,
    workbook_queries,
)

FOLDER: Final = Path(__file__).parents[1] / "doubles" / "kusto"
#: Of an Application Insights component (azure-monitor-docs, convert-classic-resource.md).
_SHARED: Final = (
    "timestamp: datetime, operation_Name: string, operation_Id: string, customDimensions: dynamic,"
    " cloud_RoleName: string, cloud_RoleInstance: string, itemCount: int"
)
TABLES: Final = {
    "customMetrics": "name: string, value: real, valueCount: int, valueSum: real, valueMin: real,"
    f" valueMax: real, valueStdDev: real, {_SHARED}",
    "traces": f"message: string, severityLevel: int, {_SHARED}",
    "requests": f"name: string, success: string, resultCode: string, duration: real, {_SHARED}",
}
_NUMBERS: Final = {"int", "long", "real", "decimal"}
QUERIES: Final = {
    **{f"alert {rule['name']}": rule_query(rule) for rule in RULES},
    **{f"workbook {title}": query for title, query in workbook_queries().items()},
    **{f"grafana {title}": query for title, query in grafana_queries().items()},
    **documented_queries(),
}

type Analysis = dict[str, dict[str, Any]]


def analyse(queries: dict[str, str]) -> Analysis:
    asked = json.dumps({"tables": TABLES, "queries": list(queries.values())})
    done = subprocess.run(
        ["node", str(FOLDER / "analyse.mjs")],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(queries, json.loads(done.stdout), strict=True))


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    if shutil.which("node") is None or not (FOLDER / "node_modules" / "@kusto").is_dir():
        if os.environ.get("CI"):
            raise AssertionError("`make test` installs tests/doubles/kusto where npm is")
        pytest.skip("npm is not here: tests/doubles/kusto is not installed")
    return analyse(QUERIES)


def test_there_are_queries_of_every_kind() -> None:
    assert {name.split()[0].split("/")[0] for name in QUERIES} == {
        "alert",
        "workbook",
        "grafana",
        "docs",
    }


@pytest.mark.parametrize("name", QUERIES)
def test_the_language_service_has_nothing_to_say(analysis: Analysis, name: str) -> None:
    assert analysis[name]["diagnostics"] == []


@pytest.mark.usefixtures("analysis")
@pytest.mark.parametrize(
    "query",
    [
        # A keyword as the name of a column: refused by Azure too, after what-if and validation.
        "customMetrics\n| summarize missing = sum(valueSum)",
        "customMetrics\n| where nome == 'x'",
        "customMetrics\n| summarize sum(valueSum) by",
    ],
)
def test_it_would_have_said_something(query: str) -> None:
    assert analyse({"wrong": query})["wrong"]["diagnostics"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["name"])
def test_a_rule_gives_a_number_and_splits_by_text(analysis: Analysis, rule: dict[str, Any]) -> None:
    columns = analysis[f"alert {rule['name']}"]["columns"]
    assert columns["figure"] in _NUMBERS
    assert {columns[name] for name in rule["split"]} <= {"string"}
