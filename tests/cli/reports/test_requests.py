"""`metering requests`: the requests behind a figure, for people, programs and spreadsheets."""

import csv
import io
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def requests(metering: Any, event: Any) -> None:
    """Count three requests and a meter, and correct one of them."""
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    meter = {
        **event("m-1", type="meter.usage.v1"),
        "data": {"meter": "search", "quantity": "2.5", "unit": "query"},
    }
    first = event("r-1", data={"evidence": "estimated", "use_case": "support"})
    metering.ingest(first, event("r-2", time="2026-11-03T08:00:00Z"), meter)
    metering.ingest(event("r-1", data={"use_case": "sales"}))


def test_a_list_is_one_document_with_where_it_goes_on(metering: Any) -> None:
    ids: list[str] = []
    cursor: list[str] = []
    while True:
        ran = metering.run(
            "requests", "list", "--tenant", "acme", "--limit", "1", "--json", *cursor
        )
        assert list(ran.json) == ["requests", "next"]
        ids += [one["id"] for one in ran.json["requests"]]
        if ran.json["next"] is None:
            break
        cursor = ["--cursor", ran.json["next"]]
    assert sorted(ids) == ["m-1", "r-1", "r-2"]
    assert ids[-1] == "r-2"
    (one,) = metering.run("requests", "list", "--tenant", "acme", "--id", "r-2", "--json").json[
        "requests"
    ]
    assert (one["time"], one["model"], one["amount"], one["evidence"]) == (
        "2026-11-03T08:00:00Z",
        "gpt-4o",
        "0.0035",
        "full",
    )
    assert one["tokens"] == {"input": 1000, "output": 100}


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--day", "2026-11-03"], ["r-2"]),
        (["--from", "2026-11-04T00:00:00Z"], ["r-1", "m-1"]),
        (["--to", "2026-11-04T00:00:00Z", "--period", "2026-11"], ["r-2"]),
        (["--use-case", "sales"], ["r-1"]),
        (["--use-case", "support"], []),
        (["--unpriced"], ["m-1"]),
        (["--priced", "--model", "gpt-4o", "--status", "200"], ["r-1", "r-2"]),
        (["--evidence", "missing"], []),
        (["--user", "bob"], []),
        (["--deployment", "", "--bucket", "quantity"], ["m-1"]),
    ],
)
def test_options_filter_the_list(metering: Any, options: list[str], ids: list[str]) -> None:
    ran = metering.run("requests", "list", "--tenant", "acme", "--json", *options)
    assert [one["id"] for one in ran.json["requests"]] == ids


def test_a_table_says_how_to_go_on(metering: Any) -> None:
    ran = metering.run("requests", "list", "--tenant", "acme", "--limit", "2")
    assert "2.5 query" in ran.stdout
    assert "There are more: --cursor " in ran.stdout
    assert "There are more" not in metering.run("requests", "list", "--tenant", "acme").stdout


def test_csv_has_all_of_them(metering: Any) -> None:
    ran = metering.run("requests", "list", "--tenant", "acme", "--csv", "--limit", "1")
    rows = list(csv.DictReader(io.StringIO(ran.stdout)))
    assert [row["id"] for row in rows] == ["r-1", "m-1", "r-2"]
    assert [row["amount"] for row in rows] == ["0.0035", "", "0.0035"]
    assert rows[1]["quantity"] == "2.5"


def test_one_request_shows_what_was_corrected(metering: Any) -> None:
    ran = metering.run("requests", "show", "r-1", "--tenant", "acme", "--json")
    (one,) = ran.json["requests"]
    (before,) = one["corrections"]
    assert (one["evidence"], one["use_case"]) == ("full", "sales")
    assert (before["evidence"], before["use_case"]) == ("estimated", "support")
    shown = metering.run("requests", "show", "r-1").stdout
    assert "unit price: output" in shown
    assert "State 1, replaced (page " in shown
    assert "2.5" in metering.run("requests", "show", "m-1").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "nothing"], 1, "no request has the id 'nothing'"),
        (["show", "r-1", "--tenant", "globex"], 1, "unknown tenant 'globex'"),
        (["list", "--tenant", "globex"], 1, "unknown tenant 'globex'"),
        (["list", "--tenant", "acme", "--day", "today"], 2, "--day"),
        (["list", "--tenant", "acme", "--period", "2026-13"], 2, "--period"),
        (["list", "--tenant", "acme", "--cursor", "x"], 2, "--cursor"),
        (["list", "--tenant", "acme", "--from", "0001-01-01T00:00:00+23:59"], 2, "--from"),
        (["list"], 2, "--tenant"),
    ],
)
def test_what_is_wrong_is_named(metering: Any, arguments: list[str], code: int, said: str) -> None:
    ran = metering.run("requests", *arguments)
    assert (ran.code, ran.stdout) == (code, "")
    assert said in ran.stderr
