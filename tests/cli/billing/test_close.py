"""`metering close`, `statement`, `adjustments` and `verify --statement`, as typed."""

import csv
import io
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

#: 4,000 x 2.50 + 2,000 x 10 a million are 0.01 + 0.02.
USAGE: dict[str, Any] = {"prompt_tokens": 4000, "completion_tokens": 2000, "total_tokens": 6000}
LATER = "2026-12-10T00:00:00Z"


def _closed(metering: "Metering", at: str = LATER) -> dict[str, Any]:
    found: dict[str, Any] = metering.run("close", "--json", settings={"METERING_NOW": at}).json
    return found


def test_a_period_is_closed_and_its_statement_shown(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    assert _closed(metering) == {
        "closed": [
            {
                "tenant": "acme",
                "period": "2026-11",
                "currency": "USD",
                "total": "0.03",
                "unsettled": 0,
            }
        ],
        "waiting": [],
    }
    found = metering.run("statement", "acme", "--period", "2026-11", "--json").json
    assert (found["tenant"], found["period"], found["currency"], found["total"]) == (
        *("acme", "2026-11", "USD", "0.03"),
    )
    assert [
        (line["kind"], line["model"], line["bucket"], line["quantity"], line["amount"])
        for line in found["lines"]
    ] == [
        ("usage", "gpt-4o", "input", 4000, "0.01"),
        ("usage", "gpt-4o", "output", 2000, "0.02"),
    ]
    assert metering.run("statement", "acme", "--json").json == found
    # A preview is of the present period once the last one with usage is closed.
    later = {"METERING_NOW": "2026-12-12T00:00:00Z"}
    draft = metering.run("statement", "acme", "--preview", "--json", settings=later).json
    assert (draft["period"], draft["number"], draft["lines"]) == ("2026-12", 2, [])
    table = metering.run("statement", "acme").stdout
    assert "gpt-4o, output" in table
    assert "0.03" in table
    assert _closed(metering) == {"closed": [], "waiting": []}
    ran = metering.run("verify", "acme", "--statement")
    assert ran.code == 0
    assert "Statements" in ran.stdout


def test_what_is_late_is_on_the_next_statement_with_its_period(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    _closed(metering)
    metering.ingest(event("r-2", data={"usage": USAGE}))
    (closed,) = _closed(metering, "2027-01-10T00:00:00Z")["closed"]
    assert (closed["period"], closed["total"]) == ("2026-12", "0.03")
    found = metering.run("statement", "acme", "--json").json
    corrections = [line for line in found["lines"] if line["kind"] == "correction"]
    assert {line["charge_period"] for line in corrections} == {"2026-11"}
    assert sum(Decimal(line["amount"]) for line in found["lines"]) == Decimal("0.03")


def test_an_open_period_is_not_closed_early(metering: "Metering", event: "EventBuilder") -> None:
    metering.ingest(event("r-1"))
    assert "nothing is due" in metering.run("close").stdout
    waiting = _closed(metering, "2026-12-01T12:00:00Z")["waiting"]
    assert waiting == [
        {
            "tenant": "acme",
            "period": "2026-11",
            "reason": "grace",
            "until": "2026-12-02T00:00:00Z",
        }
    ]
    ran = metering.run("statement", "acme", "--period", "2026-11")
    assert ran.code == 1
    assert "period 2026-11 has not ended (end: 2026-12-01T00:00:00Z): use --preview" in ran.stderr
    after = {"METERING_NOW": "2026-12-01T01:00:00Z"}
    ran = metering.run("statement", "acme", "--period", "2026-11", settings=after)
    assert "has ended and is not closed" in ran.stderr
    assert ran.stderr.endswith("run `metering close`, or use --preview\n")
    draft = metering.run("statement", "acme", "--period", "2026-11", "--preview", "--json").json
    assert draft["draft"] is True
    assert metering.run("statement", "acme").code == 1


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        # Two years ahead, as a slip of the year: November still runs on the 20th.
        (("--at", "2028-12-10T00:00:00Z"), "would close 2026-11 of acme"),
        (("--at", "2028-12-10"), "close: 2028-12-10T00:00:00Z is ahead of the clock"),
        (("--at", "2028-12-10T00:00:00Z", "--allow-future", "2026-11"), "still runs"),
        (("--at", "2028-12-10T00:00:00Z", "--allow-future", "2026-10"), "Next: 2026-11 of acme"),
        (("--allow-future", "2026-11"), "not ahead of the clock"),
    ],
)
def test_the_future_is_not_closed_by_a_slip(
    metering: "Metering", event: "EventBuilder", chosen: tuple[str, ...], said: str
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    ran = metering.run("close", *chosen)
    assert (ran.code, ran.stdout, said in ran.stderr) == (1, "", True), ran.stderr
    assert metering.run("statement", "acme").code == 1


def test_many_periods_are_named_in_short(metering: "Metering", event: "EventBuilder") -> None:
    ahead = ("close", "--at", "2028-12-10T00:00:00Z")
    assert "would close nothing" in metering.run(*ahead).stderr
    metering.ingest(*(event(f"r-{number}", subject=f"t-{number:02}") for number in range(12)))
    assert "2026-11 of t-09 and 2 more" in metering.run(*ahead).stderr


def test_a_period_that_is_over_may_be_closed_before_its_grace_ends(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    ahead = ("close", "--at", "2027-02-10T00:00:00Z", "--allow-future", "2026-11", "--json")
    done = metering.run(*ahead, settings={"METERING_NOW": "2026-12-01T00:00:00Z"}).json
    # December is due at that time, too; it still runs.
    assert ([one["period"] for one in done["closed"]], done["waiting"]) == (["2026-11"], [])


def test_an_adjustment_is_on_the_statement_with_reason_and_author(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    add = ("adjustments", "add", "acme", "--reason", "outage", "--author", "ada", "--id", "x")
    assert "recorded" in metering.run(*add, "--amount=-5.00").stdout
    assert "unchanged" in metering.run(*add, "--amount=-5.00").stdout
    ran = metering.run(*add, "--amount=-6.00")
    assert (ran.code, "never edited" in ran.stderr) == (1, True)
    ran = metering.run(*add[:-1], "y", "--amount=-6.00", "--about", "2026-13")
    assert (ran.code, "Invalid value for --about" in ran.stderr) == (2, True)
    (listed,) = metering.run("adjustments", "list", "acme", "--json").json
    assert (listed["amount"], listed["reason"]) == ("-5", "outage")
    assert "outage" in metering.run("adjustments", "list", "acme").stdout
    (closed,) = _closed(metering)["closed"]
    assert closed["total"] == "0"
    rows = metering.run("statement", "acme", "--format", "csv").stdout
    kinds = {row["kind"]: row for row in csv.DictReader(io.StringIO(rows))}
    assert kinds["adjustment"]["author"] == "ada"
    assert kinds["carried_forward"]["amount"] == "4.97"


def test_a_statement_is_written_to_a_file_as_a_page(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    _closed(metering)
    out = metering.folder / "statement.html"
    ran = metering.run("statement", "acme", "--format", "html", "--out", out)
    assert (ran.code, ran.stdout) == (0, "")
    assert "0.03 USD" in out.read_text()
    ran = metering.run("statement", "acme", "--out", out)
    assert (ran.code, "--format" in ran.stderr) == (2, True)


def test_a_time_or_tenant_that_is_none_is_named(metering: "Metering") -> None:
    ran = metering.run("close", "--at", "tomorrow")
    assert (ran.code, "--at" in ran.stderr) == (2, True)
    ran = metering.run("close", "--tenant", "nobody")
    assert (ran.code, "'nobody'" in ran.stderr) == (1, True)


def test_a_ledger_that_does_not_add_up_is_not_billed(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    with closing(sqlite3.connect(metering.store)) as database, database:
        database.execute("UPDATE pages SET document = replace(document, 4000, 4001)")
    found = _closed(metering)
    assert found["closed"] == []
    assert "does not match its hash" in found["waiting"][0]["reason"]


def test_capacity_that_was_shared_out_is_proven_with_the_statements(
    metering: "Metering", event: "EventBuilder"
) -> None:
    chat = ("deployments", "set", "chat", "--model", "gpt-4o", "--type", "provisioned")
    terms = ("--units", "10", "--hourly-price", "1", "--scope", "global")
    ran = metering.run(*chat, *terms, "--from", "2026-11-20T00:00:00Z")
    assert ran.code == 0, ran.stderr
    metering.ingest(
        event("r-1", data={"usage": USAGE, "deployment": "chat", "deployment_type": "provisioned"})
    )
    (closed,) = _closed(metering)["closed"]
    # One hour of ten units at 1.00.
    assert closed["total"] == "10"
    ran = metering.run("verify", "--statement", "--json")
    (proof,) = (one for one in ran.json if "allocation" in one)
    # From the 20th on: 11 days of 24 hours at 10.
    assert (proof["allocation"], proof["holds"], proof["total"]) == (
        "chat",
        True,
        "2640",
    )
    assert "Allocated cost" in metering.run("verify", "--statement").stdout


def test_a_draft_of_less_than_a_cent_says_what_it_comes_to(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))
    ran = metering.run("statement", "acme", "--preview")
    assert "1,000 tokens" in ran.stdout
    # 1,000 x 2.5 + 100 x 10 a million
    assert "0.0035 USD before rounding" in ran.stdout
