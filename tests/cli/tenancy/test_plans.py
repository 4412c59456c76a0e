"""`metering plans`, and what a plan makes of a balance."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import EventBuilder, Metering

PLAN = """\
id: team
currency: USD
base_fee: "10.00"
request_fee: "0.001"
allowance:
- tokens: 1000
  meters: [{model: gpt-4o, bucket: input}]
tiers:
- mode: graduated
  meters: [{bucket: output}]
  steps:
  - {up_to: 150, price_per_million: "10"}
  - {up_to: null, price_per_million: "8"}
"""


def _file(metering: "Metering", content: str = PLAN) -> "Path":
    path = metering.folder / "team.yaml"
    path.write_text(content)
    return path


def _put_on(metering: "Metering", content: str = PLAN) -> None:
    assert metering.run("plans", "set", _file(metering, content)).code == 0
    assert metering.run("tenants", "set", "acme", "--plan", "team").code == 0
    metering.run("tenants", "set", "acme", "--subscription", "acme")


def test_a_balance_shows_what_the_period_comes_to_line_by_line(
    metering: "Metering", event: "EventBuilder"
) -> None:
    _put_on(metering)
    metering.ingest(event("r-1"), event("r-2"))

    balance = metering.balance("acme")

    # Two requests of 1,000 input and 100 output, at list price 2 x 0.0035.
    assert balance["amount"] == "0.007"
    found = [
        (line["kind"], line["term"], line["quantity"], line["unit_price"], line["amount"])
        for line in balance["charges"]["lines"]
    ]
    # 1,000 of 2,000 input are free; 150 output at 10 and 50 at 8 per million.
    assert found == [
        ("usage", None, 2000, "0.0000025", "0.005"),
        ("allowance", "allowance.0", -1000, "0.0000025", "-0.0025"),
        ("tier", "tiers.0.steps.0", 150, "0.00001", "0.0015"),
        ("tier", "tiers.0.steps.1", 50, "0.000008", "0.0004"),
        ("request_fee", "request_fee", 2, "0.001", "0.002"),
        ("base_fee", "base_fee", 1, "10", "10"),
    ]
    # 0.005 - 0.0025 + 0.0015 + 0.0004 + 0.002 + 10
    assert balance["total"] == balance["charges"]["total"] == "10.0064"


def test_without_period_terms_the_total_is_the_amount(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))

    balance = metering.balance("acme")

    assert balance["total"] == balance["amount"] == "0.0035"
    assert [line["amount"] for line in balance["charges"]["lines"]] == ["0.0025", "0.001"]
    assert "Charges" not in metering.run("balance", "acme").stdout


def test_the_table_of_charges_ends_in_the_total(
    metering: "Metering", event: "EventBuilder"
) -> None:
    _put_on(metering)
    metering.ingest(event("r-1"))

    ran = metering.run("balance", "acme")

    rows = [[cell.strip() for cell in line.split("│")] for line in ran.stdout.splitlines()]
    assert ["", "total", "1", "1,100", "0.0035 USD", ""] in rows
    assert ["", "usage", "gpt-4o input", "1,000 tokens", "0.0000025", "0.0025 USD", ""] in rows
    assert ["", "base fee", "base_fee", "1 period", "10", "10.00 USD", ""] in rows
    # 0.001 of output, 0.001 of request fee, 10 of base fee; the input is free.
    assert ["", "total", "", "", "", "10.00 USD", ""] in rows


def test_a_plan_is_shown_in_full_by_place(metering: "Metering") -> None:
    metering.run("plans", "set", _file(metering))

    shown = metering.run("plans", "show", "team", "--json").json
    rows = metering.run("plans", "show", "team").stdout
    listed = metering.run("plans", "list").stdout

    assert shown["tiers"][0]["steps"][0] == {"up_to": 150, "price_per_million": "10"}
    assert shown["base_fee"] == "10"
    cells = [[cell.strip() for cell in line.split("│")] for line in rows.splitlines()]
    assert ["", "tiers.0.steps.1.price_per_million", "8", ""] in cells
    assert ["", "allowance.0.tokens", "1000", ""] in cells
    assert "base_fee request_fee allowance tiers" in listed


def test_what_is_shown_can_be_set_again_and_changes_nothing(metering: "Metering") -> None:
    metering.run("plans", "set", _file(metering))
    file = metering.folder / "again.json"
    file.write_text(metering.run("plans", "show", "team", "--json").stdout)

    assert metering.run("plans", "set", file).code == 0

    assert metering.run("plans", "show", "team", "--json").json == json.loads(file.read_text())


def test_a_plan_that_is_not_there_is_one_line(metering: "Metering") -> None:
    ran = metering.run("plans", "show", "gold")

    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("error: unknown plan 'gold'")


def test_a_plan_is_shown_as_it_is_at_a_time(metering: "Metering") -> None:
    metering.run("plans", "set", _file(metering))
    dearer = _file(metering, PLAN.replace("10.00", "20"))
    assert metering.run("plans", "set", dearer, "--from", "2026-12-01T00:00:00Z").code == 0

    now = metering.run("plans", "show", "team", "--json").json
    later = metering.run("plans", "show", "team", "--at", "2026-12-01T00:00:00Z", "--json").json

    assert (now["base_fee"], later["base_fee"]) == ("10", "20")


def test_another_base_fee_inside_a_period_is_refused_and_says_when_it_may_begin(
    metering: "Metering",
) -> None:
    metering.run("plans", "set", _file(metering))

    ran = metering.run("plans", "set", _file(metering, PLAN.replace("10.00", "20")))

    assert ran.code == 1
    assert "the base_fee changes from 10 to 20: only at the start of a period" in ran.stderr
    assert "the next is 2026-12-01T00:00:00Z" in ran.stderr


def test_a_faulty_plan_is_one_line_with_its_file_its_place_and_why(metering: "Metering") -> None:
    for content, complaint in (
        (PLAN.replace('"10.00"', "10.00"), "team.yaml: base_fee: "),
        (PLAN.replace("up_to: null", "up_to: 200"), "team.yaml: tiers.0.steps.1.up_to: the last"),
        (PLAN.replace("gpt-4o", "gpt-4-o"), "allowance.0.meters.0.model: the price book has no"),
    ):
        ran = metering.run("plans", "set", _file(metering, content))

        assert ran.code == 1
        assert complaint in ran.stderr
        assert ran.stderr.count("\n") == 1
