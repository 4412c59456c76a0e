"""`metering reconcile --platform-estimate`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Metering


def test_a_comparison_without_aggregates_is_empty(metering: "Metering") -> None:
    metering.run("tenants", "set", "acme", "--subscription", "sub-1")
    days = ("--from", "2026-11-01", "--to", "2026-11-19")
    ran = metering.run("reconcile", "--platform-estimate", *days, "--json")
    assert ran.json == {
        "currency": "USD",
        "lines": [],
        "ours": "0",
        "estimate": None,
        "left_out": [],
    }, ran.stderr
    assert "0 lines" in metering.run("reconcile", "--platform-estimate", *days).stdout


def test_days_are_needed_and_no_other_source(metering: "Metering") -> None:
    for given in (("--platform-estimate",), ("--platform-estimate", "--from", "2026-11-01"), ()):
        ran = metering.run("reconcile", *given)
        assert ran.code == 2, ran.stdout
