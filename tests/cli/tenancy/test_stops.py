"""`metering tenants stop` and `resume`: at once, shown, audited, undone."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Metering

NOW = "2026-11-20T12:00:00Z"


@pytest.fixture
def acme(metering: "Metering") -> "Metering":
    subscriptions = ("--subscription", "sub-1", "--subscription", "sub-2")
    ran = metering.run("tenants", "set", "acme", *subscriptions)
    assert ran.stdout == (
        "tenant acme: subscription sub-1 from the beginning;"
        " subscription sub-2 from the beginning\n"
    )
    return metering


def verdict(metering: "Metering", subscription: str) -> tuple[str, str, str]:
    told = metering.run("admission", subscription, "--json").json
    return told["verdict"], told["reason"], told["detail"]


def stopped(metering: "Metering") -> list[dict[str, Any]]:
    (row,) = metering.run("tenants", "list", "--json").json
    found: list[dict[str, Any]] = row["stopped"]
    return found


def test_a_stopped_tenant_is_blocked_at_once_and_admitted_once_resumed(acme: "Metering") -> None:
    ran = acme.run("tenants", "stop", "acme", "--reason", "leaked key", "--author", "ada")
    assert ran.stdout == f"tenant acme: stopped from {NOW}\n", ran.stderr
    blocked = ("block", "stopped", "stopped by an operator: leaked key")
    assert verdict(acme, "sub-1") == verdict(acme, "sub-2") == blocked
    assert stopped(acme) == [{"subscription": None, "reason": "leaked key", "since": NOW}]
    assert f"all stopped since {NOW}: leaked key" in acme.run("tenants", "list").stdout
    again = acme.run("tenants", "stop", "acme", "--reason", "leaked key")
    assert again.stdout == "tenant acme: unchanged\n"

    ran = acme.run("tenants", "resume", "acme", "--reason", "key replaced")
    assert ran.stdout == f"tenant acme: resumed from {NOW}\n"
    assert verdict(acme, "sub-1") == ("allow", "within_limits", "")
    assert stopped(acme) == []


def test_one_subscription_is_stopped_alone(acme: "Metering") -> None:
    one = ("tenants", "stop", "acme", "--subscription", "sub-1", "--reason", "tests")
    assert acme.run(*one).stdout == f"subscription sub-1: stopped from {NOW}\n"
    assert verdict(acme, "sub-1")[0] == "block"
    assert verdict(acme, "sub-2")[0] == "allow"
    assert stopped(acme) == [{"subscription": "sub-1", "reason": "tests", "since": NOW}]


def test_an_unknown_tenant_or_an_empty_reason_is_one_line_and_nothing_recorded(
    acme: "Metering",
) -> None:
    ran = acme.run("tenants", "stop", "acm", "--reason", "x")
    assert (ran.code, ran.stderr.count("\n")) == (1, 1)
    assert "unknown tenant 'acm'" in ran.stderr
    ran = acme.run("tenants", "stop", "acme", "--reason", "")
    assert (ran.code, "reason: write 1 to 256" in ran.stderr) == (1, True)
    assert stopped(acme) == []
