"""The charge of what is no token, and of provisioned capacity."""

from typing import Any

from metering.core.basics.money import format_amount
from metering.core.billing.charge import Charge, charge
from metering.core.plans.plan import Plan, read_plan
from tests.builders import a_line, a_rate

#: 0.004 a search, 0.0025 and 0.01 a thousand tokens.
SEARCHES = a_rate("search", quantity="0.004")._replace(unit="query", channel="microsoft")
TOKENS = a_rate("gpt-4o", input="2.5", output="10")
PROVISIONED = TOKENS._replace(
    version="deployments@2026-01-01T00:00:00Z",
    row="chat/provisioned",
    units=(0,) * len(TOKENS.units),
    weights=(10**6,) * len(TOKENS.units),
)
#: Two and a half searches; quantities are in millionths.
USED = {SEARCHES: a_line(2, quantity=2_500_000), TOKENS: a_line(1, input=1000)}


def plan(**terms: Any) -> Plan:
    return read_plan("p.yaml", {"id": "test", **terms})


def lines(found: Charge) -> list[tuple[Any, ...]]:
    return [
        (line.kind, line.model, line.quantity, line.unit, format_amount(line.amount))
        for line in found.lines
    ]


def test_searches_are_charged_beside_tokens_each_in_its_unit() -> None:
    found = charge(USED, plan())
    assert lines(found) == [
        ("usage", "gpt-4o", 1000, "token", "0.0025"),
        ("usage", "search", 2_500_000, "query", "0.01"),
    ]
    assert [line.channel for line in found.lines] == [None, "microsoft"]


def test_tiers_of_another_meter_count_its_units() -> None:
    steps = [
        {"up_to": 2, "price_per_million": "0.004"},
        {"up_to": None, "price_per_million": "0.002"},
    ]
    meters = [{"model": "search"}]
    # 2 x 0.004 + 0.5 x 0.002
    graduated = plan(tiers=[{"mode": "graduated", "meters": meters, "steps": steps}])
    assert lines(charge(USED, graduated))[1:] == [
        ("tier", "search", 2_000_000, "query", "0.008"),
        ("tier", "search", 500_000, "query", "0.001"),
    ]
    # 2.5 x 0.002
    volume = plan(tiers=[{"mode": "volume", "meters": meters, "steps": steps}])
    assert lines(charge(USED, volume))[1:] == [("tier", "search", 2_500_000, "query", "0.005")]


def test_a_tier_over_tokens_and_searches_never_adds_them_up() -> None:
    steps = [
        {"up_to": 1000, "price_per_million": "1"},
        {"up_to": None, "price_per_million": "100"},
    ]
    meters = [{"model": "gpt-4o"}, {"model": "search"}]
    both = plan(tiers=[{"mode": "volume", "meters": meters, "steps": steps}])
    # 1,000 tokens at 1 a million, and 2.5 searches at 1 each
    assert sorted(line[2:] for line in lines(charge(USED, both))) == [
        (1000, "token", "0.001"),
        (2_500_000, "query", "2.5"),
    ]


def test_a_package_of_another_meter_holds_its_units() -> None:
    packages = [{"meters": [{"model": "search"}], "size": 2, "price": "0.01"}]
    assert lines(charge(USED, plan(packages=packages)))[1:] == [
        ("package", "search", 2, "package", "0.02")
    ]


def test_an_allowance_of_tokens_leaves_other_meters_alone() -> None:
    free = plan(allowance=[{"tokens": 10_000_000}])
    assert format_amount(charge(USED, free).total) == "0.01"
    named = plan(allowance=[{"tokens": 10_000_000, "meters": [{"model": "search"}]}])
    assert format_amount(charge(USED, named).total) == "0.0125"


def test_an_allowance_of_money_covers_other_meters_too() -> None:
    assert format_amount(charge(USED, plan(allowance=[{"amount": "0.005"}])).total) == "0.0075"


def test_the_request_fee_is_for_requests_to_models() -> None:
    # 0.0025 + 0.01 + one request of 0.1
    assert format_amount(charge(USED, plan(request_fee="0.1")).total) == "0.1125"


def test_provisioned_usage_is_listed_at_nothing_and_no_term_counts_it() -> None:
    used = {TOKENS: a_line(1, input=1000), PROVISIONED: a_line(1, input=5000)}
    meters = [{"model": "gpt-4o", "bucket": "input"}]
    terms = plan(
        allowance=[{"tokens": 400, "meters": meters}],
        packages=[{"meters": meters, "size": 600, "price": "1"}],
    )
    # 400 of the 1,000 tokens are free, the other 600 are one package
    assert lines(charge(used, terms)) == [
        ("usage", "gpt-4o", 5000, "token", "0"),
        ("allowance", "gpt-4o", -400, "token", "0"),
        ("package", "gpt-4o", 1, "package", "1"),
    ]
