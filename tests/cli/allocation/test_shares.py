"""`metering deployments shares`: what provisioned capacity cost, and whose part is what."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

PTU = ("--type", "provisioned", "--units", "50", "--hourly-price", "1.10", "--scope", "data_zone")


@pytest.fixture
def used(metering: "Metering", event: "EventBuilder") -> "Metering":
    """Return a store in which two tenants used a deployment in one hour, 2 : 1."""
    ran = metering.run("deployments", "set", "chat", "--model", "gpt-4o", *PTU, "--idle", "equal")
    assert ran.code == 0, ran.stderr
    data: dict[str, Any] = {"deployment": "chat", "deployment_type": "provisioned"}
    made = [
        event("a", data=data, subject="acme"),
        event("b", data=data, subject="acme"),
        event("c", data=data, subject="beta"),
    ]
    assert metering.ingest(*made).json["accepted"] == 3
    return metering


def test_a_preview_divides_the_hours_begun_so_far(used: "Metering") -> None:
    (allocation,) = used.run("deployments", "shares", "--preview", "--json").json
    # By noon of the 20th 19 x 24 + 12 = 468 hours of 55 have begun: 25,740. One is used, 467 are
    # idle: 25,685, half each.
    assert allocation["cost"] == "25740"
    assert (allocation["hours"], allocation["idle_hours"]) == (468, 467)
    assert [
        (one["tenant"], one["used"], one["idle"], one["amount"]) for one in allocation["shares"]
    ] == [
        ("acme", "36.666666666666666667", "12842.5", "12879.166666666666666667"),
        ("beta", "18.333333333333333333", "12842.5", "12860.833333333333333333"),
    ]
    assert allocation["shares"][0]["weighted_tokens"] == "2200"
    assert allocation["spans"] == [
        {
            "start": "2026-11-01T00:00:00Z",
            "end": "2026-11-20T12:00:00Z",
            "units": 50,
            "hourly_price": "1.1",
            "idle": "equal",
        }
    ]
    assert (allocation["currency"], allocation["unallocated"]) == ("USD", "0")
    assert [one["page"] for one in allocation["counted"]] == [1, 1]


def test_the_table_has_the_cost_as_its_last_row(used: "Metering") -> None:
    table = used.run("deployments", "shares", "--preview").stdout
    assert "chat, 2026-11, USD, idle hours: equal" in table
    assert "12,879.17" in table
    last = [line for line in table.splitlines() if "cost" in line][-1]
    assert "25,740.00" in last


def test_what_was_not_shared_out_yet_is_said(used: "Metering") -> None:
    assert used.run("deployments", "shares").stdout == "2026-10: no cost was allocated\n"
    ran = used.run("deployments", "shares", "--month", "2026-10", "--preview")
    assert ran.stdout == "2026-10: no cost to allocate\n"
    assert used.run("deployments", "shares", "--month", "2026-11", "--json").json == []


def test_a_month_that_is_none_is_wrong_usage(metering: "Metering") -> None:
    ran = metering.run("deployments", "shares", "--month", "november")
    assert (ran.code, "--month" in ran.stderr) == (2, True)


def test_a_policy_that_is_none_is_wrong_usage(metering: "Metering") -> None:
    ran = metering.run("deployments", "set", "chat", "--model", "m", *PTU, "--idle", "half")
    assert (ran.code, "--idle" in ran.stderr) == (2, True)


def test_hosting_of_a_fine_tuned_model_is_listed_and_allocated(
    metering: "Metering", event: "EventBuilder"
) -> None:
    tuned = ("deployments", "set", "tuned", "--model", "gpt-4o", "--type", "global")
    ran = metering.run(*tuned, "--hosting", "1.70", "--idle", "by_share")
    assert ran.code == 0, ran.stderr
    assert "1.7 USD" in metering.run("deployments", "list").stdout
    data: dict[str, Any] = {"deployment": "tuned"}
    made = [event("a", data=data, subject="acme"), event("b", data=data, subject="beta")]
    assert metering.ingest(*made).json["accepted"] == 2
    (allocation,) = metering.run("deployments", "shares", "--preview", "--json").json
    # 468 hours of 1.70 have begun: 795.60, half each by tokens: 397.80.
    assert allocation["cost"] == "795.6"
    shares = [(one["tenant"], one["amount"]) for one in allocation["shares"]]
    assert shares == [("acme", "397.8"), ("beta", "397.8")]


def test_hosting_of_provisioned_units_is_wrong_usage(metering: "Metering") -> None:
    ran = metering.run("deployments", "set", "c", "--model", "m", *PTU, "--hosting", "1.70")
    assert (ran.code, "hosting" in ran.stderr) == (2, True)
