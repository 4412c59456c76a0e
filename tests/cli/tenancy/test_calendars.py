"""`metering tenants calendar`: billing periods of a tenant's own."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

WEEKLY = ("--cycle", "weekly", "--anchor", "1", "--time-zone", "Europe/Berlin")


def _row(metering: "Metering", tenant: str) -> dict[str, Any]:
    rows = metering.run("tenants", "list", "--json").json
    found: dict[str, Any] = next(row for row in rows if row["tenant"] == tenant)
    return found


def test_a_new_tenant_is_billed_by_its_own_weeks(
    metering: "Metering", event: "EventBuilder"
) -> None:
    ran = metering.run("tenants", "calendar", "acme", *WEEKLY)
    assert (ran.code, ran.stderr) == (0, "")
    told = "tenant acme: weekly from weekday 1, Europe/Berlin, from the beginning\n"
    assert ran.stdout == told
    metering.run("tenants", "set", "acme", "--subscription", "sub-1")

    # In Berlin the week of Monday, 2026-11-16 begins at 23:00 UTC.
    metering.ingest(
        event("last week", subject="sub-1", time="2026-11-15T22:59:59.999999Z"),
        event("this week", subject="sub-1", time="2026-11-15T23:00:00Z"),
        event("today", subject="sub-1"),
    )

    assert metering.balance("acme")["period"] == "2026-11-16"
    assert metering.balance("acme")["amount"] == "0.007"
    assert metering.balance("acme", "--period", "2026-11-09")["amount"] == "0.0035"
    by_start = metering.balance("acme", "--period", "2026-11-08T23:00:00Z")
    assert (by_start["period"], by_start["requests"]) == ("2026-11-09", 1)
    _, verdicts = metering.verify()
    assert len(verdicts) == 2
    for name, corrected in (("2026-11-09", 1), ("2026-11", 0)):
        rerated = metering.run("prices", "rerate", "--period", name, "--json")
        assert (rerated.code, len(rerated.json)) == (0, corrected)


def test_a_name_of_another_calendar_is_refused_with_one_that_is_right(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "calendar", "acme", *WEEKLY)
    metering.ingest(event("r-1"))

    for command in (("balance", "acme"), ("prices", "rerate", "--tenant", "acme")):
        ran = metering.run(*command, "--period", "2026-11")
        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr == (
            "error: tenant 'acme' has no period '2026-11': its calendar is weekly from weekday 1,"
            " Europe/Berlin; the current period is '2026-11-16'\n"
        )


def test_a_known_tenant_changes_its_calendar_with_the_next_period(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "set", "acme", "--subscription", "sub-1")
    metering.ingest(event("r-1", subject="sub-1"))

    for _ in range(2):
        ran = metering.run("tenants", "calendar", "acme", *WEEKLY)
        assert ran.stdout.endswith("Europe/Berlin, from 2026-12-01T00:00:00Z\n")

    month = {"cycle": "monthly", "anchor": 1, "time_zone": "UTC"}
    week = {"cycle": "weekly", "anchor": 1, "time_zone": "Europe/Berlin"}
    row = _row(metering, "acme")
    assert row["calendar"] == month
    assert row["next_calendar"] == {**week, "start": "2026-12-01T00:00:00Z"}
    assert "weekly from" in " ".join(metering.run("tenants", "list").stdout.split())
    # 2026-12-01 is a Tuesday: what is left of its week is a period of its own.
    metering.ingest(
        event("r-2", subject="sub-1", time="2026-12-01T00:00:00Z"),
        settings={"METERING_NOW": "2026-12-02T00:00:00Z"},
    )
    assert metering.balance("acme")["period"] == "2026-12-01T00:00:00Z"
    assert metering.balance("acme", "--period", "2026-11")["requests"] == 1


def test_what_is_asked_of_all_tenants_is_asked_of_those_with_such_a_period(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "calendar", "acme", *WEEKLY)
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    named = {"deployment": "special"}
    metering.ingest(event("r-1", data=named), event("r-2", subject="sub-2", data=named))

    for period, tenants in (("2026-11", 1), ("2026-11-16", 1), ("2026-11-17", 0)):
        ran = metering.run("deployments", "list", "--unknown", "--period", period, "--json")
        assert (ran.code, len(ran.json)) == (0, tenants)
    assert metering.run("deployments", "list", "--unknown", "--period", "november").code == 2


def test_a_change_in_ten_thousand_years_is_a_usage_error(metering: "Metering") -> None:
    ran = metering.run("tenants", "calendar", "acme", "--from", "9999-12-31T00:00:00Z")
    assert ran.code == 2
    assert "too far in the future" in ran.stderr


def test_a_change_inside_a_period_is_refused_in_one_line(metering: "Metering") -> None:
    metering.run("tenants", "set", "acme", "--subscription", "sub-1")

    ran = metering.run("tenants", "calendar", "acme", *WEEKLY, "--from", "2026-12-02T00:00:00Z")

    assert ran.code == 1
    assert "not at 2026-12-02T00:00:00Z; the next is 2027-01-01T00:00:00Z\n" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert _row(metering, "acme")["next_calendar"] is None


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--anchor", "32"), "calendar of acme: anchor: 32 is above 31"),
        (("--time-zone", "Mars/Base"), "calendar of acme: time_zone: "),
    ],
)
def test_a_calendar_that_there_is_not_is_one_line(
    metering: "Metering", options: tuple[str, ...], complaint: str
) -> None:
    ran = metering.run("tenants", "calendar", "acme", *options)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"error: {complaint}")


def test_a_tenants_file_names_calendars(metering: "Metering", event: "EventBuilder") -> None:
    file = metering.folder / "tenants.json"
    content = {"id": "acme", "subscriptions": ["sub-1"], "calendar": {"anchor": 15}}
    file.write_text(json.dumps({"tenants": [content]}))
    metering.run("tenants", "import", file)

    metering.ingest(event("r-1", subject="sub-1", time="2026-11-14T23:59:59Z"))

    assert metering.balance("acme")["period"] == "2026-10"
