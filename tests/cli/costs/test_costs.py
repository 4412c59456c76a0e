"""`metering costs`, `margins`, `discounts` and `export costs`: the same figures everywhere."""

import csv
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

DISCOUNTS = """\
discounts:
- {percent: "10", from: "2026-11-01"}
- {provider: openai, percent: "7", from: "2026-11-01"}
"""
PLAN = 'id: cheap\nmarkup: "-0.5"\n'


@pytest.fixture
def counted(metering: "Metering", event: "EventBuilder") -> "Metering":
    (metering.folder / "cheap.yaml").write_text(PLAN)
    metering.run("plans", "set", metering.folder / "cheap.yaml")
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    metering.run("tenants", "set", "globex", "--plan", "cheap", "--subscription", "globex")
    metering.ingest(
        event("r-1", data={"deployment": "big", "backend": "eu-ai"}),
        event("r-2", subject="globex", data={"deployment": "big", "backend": "eu-ai"}),
        event("r-3", data={"model": "a-model-of-next-year", "deployment": "new"}),
    )
    return metering


def test_costs_and_margins_are_shown_rounded_and_printed_exactly(counted: "Metering") -> None:
    shown = counted.run("costs", "--by", "deployment,account", "--period", "2026-11").stdout
    assert "big" in shown
    assert "eu-ai" in shown
    assert "1 request without a price, in no amount" in shown
    margins = counted.run("margins", "--by", "model", "--period", "2026-11").stdout
    (row,) = [one for one in margins.splitlines() if "a-model-of-next" in one]
    # Charge, cost and margin of what has no price.
    assert row.count("unknown") == 3
    found = counted.run(
        "costs", "--by", "tenant", "--period", "2026-11", "--only", "account=eu-ai", "--json"
    ).json
    # 0.0035 at list prices, and half of it
    assert [(one["group"], one["charged"]) for one in found["items"]] == [
        ({"tenant": "acme"}, "0.0035"),
        ({"tenant": "globex"}, "0.00175"),
    ]
    groups = counted.run("unit-cost", "acme", "--by", "deployment", "--json").json["items"]
    assert [(one["group"], one["cost_per_request"]) for one in groups] == [
        ({"deployment": "big"}, "0.0035"),
        ({"deployment": "new"}, None),
    ]
    assert "out/in" in counted.run("unit-cost", "acme", "--by", "model").stdout
    (counted.folder / "d.yaml").write_text(DISCOUNTS)
    counted.run("discounts", "import", counted.folder / "d.yaml")
    counted.run("discounts", "set", "--model", "gpt-4o", "--percent", "8", "--from", "2026-12-01")
    listed = counted.run("discounts", "list", "--json").json
    assert [(one["key"], one["percent"], one["since"]) for one in listed] == [
        ("everything", "10", "2026-11-01T00:00:00Z"),
        ("model/gpt-4o", "8", "2026-12-01T00:00:00Z"),
        ("provider/openai", "7", "2026-11-01T00:00:00Z"),
    ]
    assert "provider/openai" in counted.run("discounts", "list").stdout
    found = counted.run("margins", "--period", "2026-11", "--json").json
    # 0.0035 x 0.93 = 0.003255 each
    assert [(one["group"]["tenant"], one["cost"], one["margin"]) for one in found["items"]] == [
        ("acme", "0.003255", "0.000245"),
        ("globex", "0.003255", "-0.001505"),
    ]
    table = counted.run("margins", "--by", "tenant", "--period", "2026-11").stdout
    assert "▼" in table
    entries = counted.run("audit", "--json", "--day", listed_day(counted)).json
    assert "discount.set" in {one["action"] for one in entries}


def listed_day(metering: "Metering") -> str:
    return str(metering.run("costs", "--json").json["as_of"])[:10]


def test_the_export_has_every_figure_and_its_total(counted: "Metering") -> None:
    folder = counted.folder / "out"
    counted.run("export", "costs", "--period", "2026-11", "--out", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["totals"] == {"USD": "0.00525"}
    with (folder / "costs-2026-11.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["deployment"], row["charged"], row["unpriced"]) for row in rows] == [
        ("big", "0.00525", "0"),
        ("new", "0", "1"),
    ]
    assert rows[0]["margin"] == "-0.00175"
    counted.run(
        *("export", "costs", "--by", "day", "--from", "2026-11-01", "--to", "2026-11-21"),
        *("--out", folder),
    )
    assert (folder / "costs-by-day-20261101T000000Z--20261121T000000Z.csv").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--by", "agent"), "not 'agent'"),
        (("--period", "November"), "is not a month"),
        (("--period", "2026-11", "--to", "2026-12-01"), "either --period"),
        (("--from", "2026-11-01"), "both --from and --to"),
        (("--only", "account"), "= and a name"),
    ],
)
def test_a_wrong_option_is_named(
    metering: "Metering", options: tuple[str, ...], complaint: str
) -> None:
    ran = metering.run("costs", *options)
    assert complaint in " ".join(ran.stderr.replace("│", " ").split())


def test_a_discount_on_nothing_is_refused(metering: "Metering") -> None:
    ran = metering.run("discounts", "set", "--provider", "nobody", "--percent", "7")
    assert "no price has this provider" in ran.stderr
