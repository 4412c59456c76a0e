"""`metering cost`: needs, costs and limits of a load, as a table and as JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Metering


def test_a_load_has_needs_costs_and_limits(metering: "Metering") -> None:
    found = metering.run(
        *("cost", "--requests-per-second", "1000", "--gateway", "StandardV2", "--json")
    ).json
    # docs/sizing.md works it out by hand: 1,096.98, and 734 for the gateway.
    assert (found["total"], found["costs"]["gateway"]) == ("1830.98", "734.00")
    assert (found["million_requests"], found["per_million"]) == ("876.00", "2.09")
    # 2.09 of 0.0035 x 1,000,000 = 3,500.
    assert found["share_percent"] == "0.060"
    assert found["needs"]["partitions"] == 8
    assert found["limits"][0]["requests_per_second"] == 1756


def test_more_streams_cost_more_and_free_tokens_have_no_share(metering: "Metering") -> None:
    few, many = (
        float(metering.run("cost", "--streamed", share, "--json").json["total"])
        for share in ("0", "1")
    )
    assert few < many
    assert metering.run("cost", "--request-cost", "0", "--json").json["share_percent"] == ""


def test_the_table_names_the_limits(metering: "Metering") -> None:
    ran = metering.run("cost")
    assert ran.code == 0
    assert "partitions of a hub (32)" in ran.stdout
    assert "for a million requests" in ran.stdout
    assert metering.run("cost", "--requests-per-second", "0").code == 2
