"""`metering grants`: credit is given, burns, and is taken back."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering


def _listed(metering: "Metering", settings: dict[str, str] | None = None) -> dict[str, Any]:
    rows = metering.run("grants", "list", "acme", "--json", settings=settings).json
    return {row["id"]: row for row in rows}


def test_a_grant_pays_for_what_the_present_period_has_used(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))
    ran = metering.run("grants", "add", "acme", "--amount", "10.00", "--expires", "2027-01-31")

    assert ran.code == 0
    assert ran.stdout.strip() == (
        "grant grant-001 for acme: 10 USD from 2026-11-01T00:00:00Z until 2027-01-31T00:00:00Z:"
        " recorded"
    )
    # 10 - 0.0035.
    assert _listed(metering)["grant-001"]["remaining"] == "9.9965"
    metering.ingest(event("r-2"))
    credit = metering.balance("acme")["credits"]
    assert (credit["granted"], credit["remaining"]) == ("10", "9.993")
    assert credit["by_channel"] == {"microsoft": "9.993", "marketplace": "9.993", "other": "9.993"}
    told = metering.run("balance", "acme").stdout
    assert "credit: 9.99 USD remaining of 10.00" in told


def test_the_date_at_which_credit_runs_out_is_shown_wherever_it_is(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))
    metering.run("grants", "add", "acme", "--amount", "0.007")
    credit = metering.run("forecast", "acme", "--json").json["credits"]
    # Half is used: as long again as since the start of the period, or of the one before.
    assert credit["runs_out"] > credit["as_of"]
    assert credit["remaining"] == "0.0035"
    assert _listed(metering)["grant-001"]["runs_out"][:8] == credit["runs_out"][:8]
    for command in (("forecast",), ("balance",), ("grants", "list")):
        told = metering.run(*command, "acme").stdout
        assert "credit: 0.0035 USD remaining of 0.007, used up by 20" in told
    metering.ingest(event("r-2"))
    told = metering.run("grants", "list", "acme").stdout
    assert told.rstrip().endswith("credit: 0.00 USD remaining of 0.007")


def test_a_tenant_without_grants_is_told_nothing_of_credit(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))
    assert metering.balance("acme")["credits"] is None
    assert metering.run("grants", "list", "acme", "--json").json == []


def test_credit_that_was_given_first_waits_for_usage(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    metering.run("grants", "add", "acme", "--amount", "1")
    assert metering.balance("acme")["credits"]["remaining"] == "1"
    metering.ingest(event("r-1"))
    assert metering.balance("acme")["credits"]["remaining"] == "0.9965"


def test_a_grant_for_a_tenant_that_is_not_there_is_refused(metering: "Metering") -> None:
    ran = metering.run("grants", "add", "acmee", "--amount", "1")
    assert (ran.code, "unknown tenant 'acmee'" in ran.stderr) == (1, True)
    assert metering.run("grants", "list", "acmee").code == 1


def test_every_option_of_a_grant_is_kept(metering: "Metering") -> None:
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    options = {
        "--amount": "5",
        "--expires": "2026-12-01T00:00:00+01:00",
        "--starts": "2026-11-21",
        "--priority": "-3",
        "--channel": "marketplace",
        "--currency": "USD",
        "--id": "promo",
        "--reason": "a [late] promise",
        "--author": "ada",
    }
    words = [word for option in options.items() for word in option]
    made = metering.run("grants", "add", "acme", *words, "--json").json

    assert made == {
        "id": "promo",
        "tenant": "acme",
        "amount": "5",
        "currency": "USD",
        "start": "2026-11-21T00:00:00Z",
        "expiry": "2026-11-30T23:00:00Z",
        "revoked": None,
        "priority": -3,
        "channel": "marketplace",
        "reason": "a [late] promise",
        "author": "ada",
        "state": None,
        "settled": None,
        "remaining": None,
        "remaining_at_most": None,
        "runs_out": None,
    }
    assert _listed(metering)["promo"] == {
        **made,
        "state": "coming",
        "settled": "0",
        "remaining": "5",
        "remaining_at_most": "5",
        "runs_out": "2026-11-30T23:00:00Z",
    }
    assert "coming" in metering.run("grants", "list", "acme").stdout


def test_a_grant_with_an_id_is_given_once_and_never_edited(metering: "Metering") -> None:
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    words = ("grants", "add", "acme", "--id", "g", "--amount")
    assert "recorded" in metering.run(*words, "1").stdout
    assert "unchanged" in metering.run(*words, "1.0").stdout
    ran = metering.run(*words, "2")
    assert ran.code == 1
    assert "grant 'g' of acme: exists with amount 1, not 2: a grant is never edited" in ran.stderr
    assert list(_listed(metering)) == ["g"]


def test_a_revoked_grant_ends_five_minutes_later_and_keeps_what_it_paid(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    metering.run("grants", "add", "acme", "--amount", "1")
    metering.ingest(event("r-1"))
    for _ in range(2):
        ran = metering.run("grants", "revoke", "acme", "grant-001", "--reason", "given twice")
        assert ran.stdout.strip() == ("grant grant-001 for acme: revoked from 2026-11-20T12:05:00Z")
    assert _listed(metering)["grant-001"]["state"] == "current"
    later = {"METERING_NOW": "2026-11-20T12:05:00Z"}
    found = _listed(metering, later)["grant-001"]
    assert (found["state"], found["remaining"]) == ("revoked", "0")


def test_what_may_have_paid_for_two_channels_is_told_as_bounds(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    add = ("grants", "add", "acme", "--amount")
    metering.run(*add, "0.004", "--id", "any")
    metering.run(*add, "1", "--id", "own", "--channel", "marketplace", "--priority", "1")
    claude = {"model": "claude-sonnet-4-5", "usage": {"input_tokens": 1000, "output_tokens": 0}}
    metering.ingest(event("r-1"), event("r-2", data=claude))
    # 0.0035 of Azure and 0.003 of the marketplace ask for 0.004: the latter gets at least 0.0005
    # of it and at most 0.003, so the other grant pays 0.0025 or nothing, and on the whole 0.0065
    # have been paid or 0.004.
    found = _listed(metering)
    assert (found["any"]["remaining"], found["any"]["remaining_at_most"]) == ("0", "0")
    assert (found["own"]["remaining"], found["own"]["remaining_at_most"]) == ("0.9975", "1")
    # To the cent they are one.
    assert "1.00" in metering.run("grants", "list", "acme").stdout


def test_grants_in_a_currency_that_the_plan_left_are_listed_without_a_balance(
    metering: "Metering",
) -> None:
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    metering.run("grants", "add", "acme", "--amount", "1")
    plan = metering.folder / "euro.json"
    plan.write_text('{"id": "euro", "currency": "EUR"}')
    rows = metering.folder / "euro.csv"
    rows.write_text("model,effective_from,input,currency\nhouse-7b,2026-01-01,0.4,EUR\n")
    assert metering.run("prices", "import", rows, "--currency", "EUR").code == 0
    metering.run("tenants", "set", "acme", "--plan", "default")
    metering.run("plans", "set", plan)
    metering.run("tenants", "set", "acme", "--plan", "euro", "--from", "2026-12-01T00:00:00Z")
    december = {"METERING_NOW": "2026-12-02T00:00:00Z"}
    assert _listed(metering, december)["grant-001"]["remaining"] is None
    assert "in USD" in metering.run("grants", "list", "acme", settings=december).stdout


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("add", "acme", "--amount", "0"), 1, "'0' is not above zero"),
        (("add", "acme", "--amount", "1e3"), 1, "is not a plain decimal number"),
        (("add", "a|b", "--amount", "1"), 1, "unknown tenant 'a|b'"),
        (("add", "acme", "--amount", "1", "--currency", "EUR"), 1, "plan 'default' is in USD"),
        (("add", "acme", "--amount", "1", "--expires", "2026-11-20"), 1, "is past"),
        (("add", "acme", "--amount", "1", "--starts", "2026-10-31"), 1, "a period that is over"),
        (("add", "acme", "--amount", "1", "--expires", "soon"), 2, "--expires"),
        (("add", "acme", "--amount", "1", "--channel", "aws"), 2, "--channel"),
        (("add", "acme", "--amount", "1", "--priority", "1001"), 2, "--priority"),
        (("add", "acme"), 2, "--amount"),
        (("list", "nobody"), 1, "unknown tenant 'nobody'"),
        (("revoke", "acme", "g"), 1, "grant 'g' of acme: does not exist"),
        (("revoke", "acme", "g", "--reason", "x" * 257), 2, "too long"),
    ],
)
def test_what_cannot_be_is_one_error_and_records_nothing(
    metering: "Metering", words: tuple[str, ...], code: int, told: str
) -> None:
    metering.run("tenants", "set", "acme", "--subscription", "acme")
    ran = metering.run("grants", *words)
    assert ran.code == code
    assert told in ran.stderr
    assert metering.run("grants", "list", "acme", "--json").json == []


def test_a_prepaid_plan_is_shown_as_such_and_blocks_what_has_no_price(
    metering: "Metering",
) -> None:
    plan = metering.folder / "prepaid.json"
    plan.write_text('{"id": "prepaid", "billing": "prepaid"}')
    assert metering.run("plans", "set", plan).code == 0
    shown = metering.run("plans", "show", "prepaid", "--json").json
    assert (shown["billing"], shown["unpriced"]) == ("prepaid", "block")
    assert "prepaid" in metering.run("plans", "list").stdout
