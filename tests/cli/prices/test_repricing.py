"""Prices that come late or were wrong, and what-if, through the command line."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import EventBuilder, Metering


def prices(metering: "Metering", name: str = "own.yaml", **row: Any) -> "Path":
    made = {
        "model": "house-7b",
        "effective_from": "2026-01-01",
        "per_million_tokens": {"input": "1", "output": "2"},
        **row,
    }
    path = metering.folder / name
    path.write_text(json.dumps({"currency": "USD", "prices": [made]}))
    return path


def test_usage_without_a_price_is_priced_once_there_is_one(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event(data={"model": "house-7b"}), event("r-2"))
    assert metering.balance("acme")["unpriced"] == 1

    assert metering.run("prices", "import", prices(metering)).code == 0
    planned = metering.run("prices", "rerate", "--tenant", "acme", "--json")
    # 1,000 x 1 + 100 x 2 per million.
    assert planned.json[0]["changes"] == [
        {
            "model": "house-7b",
            "before": None,
            "after": planned.json[0]["changes"][0]["after"],
            "requests": 1,
            "difference": "0.0012",
        }
    ]
    assert metering.balance("acme")["unpriced"] == 1
    done = metering.run("prices", "rerate", "--tenant", "acme", "--period", "2026-11", "--apply")

    assert "1 correction appended" in done.stdout
    found = metering.balance("acme")
    # 0.0012 + (1,000 x 2.50 + 100 x 10) per million.
    assert (found["amount"], found["unpriced"]) == ("0.0047", 0)
    again = metering.run("prices", "rerate", "--apply")
    assert "nothing to correct" in again.stdout
    assert metering.verify()[0] == 0


def test_a_wrong_price_is_corrected_when_it_is_said_to_have_been_wrong(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event())
    right = prices(metering, model="gpt-4o", per_million_tokens={"input": "2", "output": "10"})

    refused = metering.run("prices", "import", right)
    assert (refused.code, "--supersede" in refused.stderr) == (1, True)
    assert metering.run("prices", "import", right, "--supersede").code == 0
    # The past stands until somebody says otherwise.
    assert metering.balance("acme")["amount"] == "0.0035"
    metering.run("prices", "rerate", "--apply")

    # (1,000 x 2 + 100 x 10) per million.
    assert metering.balance("acme")["amount"] == "0.003"


def test_real_usage_is_priced_under_other_terms_side_by_side(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event())
    plan = metering.folder / "other.json"
    plan.write_text('{"id": "other", "markup": "1"}')
    metering.run("plans", "set", plan)
    asked = ("whatif", "acme", "--map", "gpt-4o=gpt-4o-mini", "--plan", "other")

    found = metering.run(*asked, "--json").json
    # (1,000 x 0.15 + 100 x 0.60) per million x 2.
    assert found["models"] == [
        {
            "model": "gpt-4o",
            "priced_as": "gpt-4o-mini",
            "requests": 1,
            "amount": "0.0035",
            "other_amount": "0.00042",
            "other_unpriced": 0,
        }
    ]
    assert (found["total"]["amount"], found["other_total"]["amount"]) == ("0.0035", "0.00042")
    table = metering.run(*asked).stdout
    assert "-0.0031" in table
    assert metering.balance("acme")["amount"] == "0.0035"


def test_real_usage_is_priced_by_a_price_list_that_is_not_published(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event())
    offer = prices(metering, model="gpt-4o")

    found = metering.run("whatif", "acme", "--prices", offer, "--json").json

    assert found["other_total"]["amount"] == "0.0012"


def test_a_mapping_that_is_none_is_a_usage_error(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event())
    ran = metering.run("whatif", "acme", "--map", "gpt-4o")

    assert (ran.code, "MODEL=OTHER" in ran.stderr) == (2, True)
    period = metering.run("prices", "rerate", "--period", "november")
    assert (period.code, "--period" in period.stderr) == (2, True)


def test_other_meters_stand_on_the_balance_beside_tokens(
    metering: "Metering", event: "EventBuilder"
) -> None:
    path = metering.folder / "own.yaml"
    path.write_text(
        "currency: USD\nother_meters:\n- {meter: search, unit: query, price: '0.004',"
        " effective_from: '2026-01-01T00:00:00Z'}\n"
    )
    metering.run("prices", "import", path)
    searches = {
        **event("m-1"),
        "type": "meter.usage.v1",
        "data": {"meter": "search", "quantity": "2.5", "unit": "query", "use_case": "faq"},
    }
    metering.ingest(event(), searches)

    found = metering.balance("acme")
    # 0.0035 + 2.5 x 0.004.
    assert (found["amount"], found["total"]) == ("0.0135", "0.0135")
    search = found["models"][0]
    assert (search["model"], search["quantity"], search["unit"], search["amount"]) == (
        *("search", "2.5", "query"),
        "0.01",
    )
    assert found["tokens"] == {"input": 1000, "output": 100}
    assert "2.5 query" in metering.run("balance", "acme").stdout
    rows = metering.run("usage", "acme", "--group-by", "model,use_case", "--json").json
    assert {(row["group"]["model"], row["group"]["use_case"], row["amount"]) for row in rows} == {
        ("gpt-4o", None, "0.0035"),
        ("search", "faq", "0.01"),
    }
    assert metering.verify()[0] == 0
