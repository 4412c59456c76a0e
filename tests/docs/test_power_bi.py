"""The way of exports into Power BI and Excel: queries in M, and the workbook that holds one."""

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import openpyxl
import pytest

from metering.core.focus.columns import COLUMNS
from tests.doubles.needs import missing_package, skip_without
from tools.power_query import CHARGEBACK, EXPORTS, FOLDER, TOTALS, WORKBOOK, query

PARSER: Final = Path(__file__).parents[1] / "doubles" / "power_query"
GUIDE: Final = FOLDER.parent / "guides" / "power-bi-and-excel.md"


def typed(text: str) -> dict[str, str]:
    return dict(re.findall(r'\{"(\w+)", ([\w. ]+)\}', text))


@pytest.mark.parametrize("name", EXPORTS)
def test_a_query_is_what_the_columns_of_its_export_make(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == query(name), "run `make power-bi`"


def test_a_query_gives_each_column_the_type_of_what_it_holds() -> None:
    # tests/cli/exports holds the columns of chargeback against a delivery.
    chargeback, focus = typed(query("chargeback.pq")), typed(query("focus.pq"))
    assert tuple(focus) == COLUMNS
    assert (chargeback["amount"], chargeback["calls"]) == ("type number", "Int64.Type")
    assert (chargeback["first_seen"], chargeback["day"]) == ("type datetimezone", "type date")
    assert (focus["BilledCost"], focus["Tags"]) == ("type number", "type text")


def test_microsofts_parser_takes_every_query_and_refuses_a_broken_one() -> None:
    package = PARSER / "node_modules" / "@microsoft" / "powerquery-parser" / "package.json"
    skip_without(missing_package(package))
    queries = [query(name) for name in EXPORTS]
    done = subprocess.run(
        ["node", str(PARSER / "parse.mjs")],
        input=json.dumps([*queries, queries[0].rpartition("in\n")[0]]),
        capture_output=True,
        check=True,
        text=True,
    )
    *found, broken = json.loads(done.stdout)
    assert found == [None] * len(queries)
    assert broken


def test_the_workbook_has_the_query_and_sums_columns_that_there_are() -> None:
    book = openpyxl.load_workbook(WORKBOOK)
    assert book["Steps"]["A12"].value == query("chargeback.pq"), "run `make power-bi`"
    steps = " ".join(str(row[0]) for row in book["Steps"].iter_rows(max_row=11, values_only=True))
    assert "cell A12" in steps
    assert "Totals" in book.sheetnames

    rows = list(book["Totals"].iter_rows(values_only=True))
    names = {column.name for column in CHARGEBACK}
    assert rows[0] == ("currency", "USD")
    assert tuple(row[0] for row in rows[1:]) == TOTALS
    for name, formula in rows[1:]:
        assert re.findall(r"Chargeback\[(\w+)\]", str(formula)) == [name, "currency"]
        assert {name, "currency"} <= names


def test_the_guide_names_the_files() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert all(f"../power-bi/{name})" in text for name in (*EXPORTS, WORKBOOK.name))
