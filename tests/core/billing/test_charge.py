"""The charge: allowances, tiers, packages, fees and the minimum, from the totals of a period."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.money import format_amount
from metering.core.billing.charge import Charge, charge
from metering.core.ledger.head import RateTotals
from metering.core.plans.plan import Plan, read_plan
from metering.core.prices.rating import Rate, amount_of
from metering.core.usage.buckets import BUCKETS
from tests.builders import a_line, a_rate

GPT = a_rate("gpt-4o", input="2.5", cached_read="1.25", output="10")
MINI = a_rate("gpt-4o-mini", input="0.15", output="0.6")
GPT_TOKENS = [{"model": "gpt-4o"}]
M = 1_000_000


def plan(**terms: Any) -> Plan:
    return read_plan("p.yaml", {"id": "test", **terms})


def step(up_to: int | None, price: str) -> dict[str, Any]:
    return {"up_to": up_to, "price_per_million": price}


def tier(mode: str, *steps: dict[str, Any], meters: Any = GPT_TOKENS) -> dict[str, Any]:
    return {"mode": mode, "meters": meters, "steps": list(steps)}


def lines(found: Charge) -> list[tuple[Any, ...]]:
    return [
        (line.kind, line.model, line.bucket, line.quantity, format_amount(line.amount))
        for line in found.lines
    ]


def total(totals: Mapping[Rate, RateTotals], **terms: Any) -> str:
    return format_amount(charge(totals, plan(**terms)).total)


def test_without_period_terms_a_charge_is_the_usage_by_model_bucket_and_price() -> None:
    found = charge({MINI: a_line(input=1000), GPT: a_line(2, input=1000, output=100)}, plan())
    assert lines(found) == [
        ("usage", "gpt-4o", "input", 1000, "0.0025"),
        ("usage", "gpt-4o", "output", 100, "0.001"),
        ("usage", "gpt-4o-mini", "input", 1000, "0.00015"),
    ]
    assert (format_amount(found.total), found.currency) == ("0.00365", "USD")
    assert {(line.unit, line.term) for line in found.lines} == {("token", None)}
    assert format_amount(found.lines[0].unit_price) == "0.0000025"


def test_nothing_used_is_no_line_and_costs_nothing() -> None:
    assert charge({}, plan()) == Charge("USD", (), 0, 0)
    found = plan(
        allowance=[{"tokens": 5}, {"amount": "5"}],
        tiers=[tier("volume", step(None, "8"))],
        packages=[{"meters": [{"model": "b"}], "size": M, "price": "1"}],
        request_fee="1",
    )
    assert charge({}, found).lines == ()


def test_what_has_no_price_is_charged_nothing_and_counted() -> None:
    unpriced = a_rate("gpt-99", version=None)
    totals = {
        GPT: a_line(input=1000),
        unpriced: a_line(5, flags=(0, 3, 2), input=9000),
        a_rate("half", input="1"): a_line(input=10, output=10),
    }
    terms = {"tiers": [tier("volume", step(None, "8"), meters=[{"model": "gpt-99"}])]}
    found = charge(totals, plan(**terms))
    assert lines(found) == [("usage", "gpt-4o", "input", 1000, "0.0025")]
    assert (found.unpriced_requests, found.missing_requests) == (3, 2)


def test_an_allowance_of_tokens_takes_them_off_in_the_order_written() -> None:
    allowance = {"tokens": 1200, "meters": [{"bucket": "output"}, {"model": "gpt-4o"}]}
    found = charge(
        {GPT: a_line(input=1000, cached_read=500, output=300), MINI: a_line(output=400)},
        plan(allowance=[allowance]),
    )
    # Output first: 300 of gpt-4o, 400 of mini; then 500 of the 1,000 input of gpt-4o.
    assert lines(found)[4:] == [
        ("allowance", "gpt-4o", "output", -300, "-0.003"),
        ("allowance", "gpt-4o-mini", "output", -400, "-0.00024"),
        ("allowance", "gpt-4o", "input", -500, "-0.00125"),
    ]
    # 500 x 2.50 + 500 x 1.25 per million
    assert format_amount(found.total) == "0.001875"


def test_of_one_meter_the_dearest_tokens_of_a_bucket_are_free_first() -> None:
    dearer = a_rate("gpt-4o", version="v2", input="3")
    for totals in (
        {GPT: a_line(input=100), dearer: a_line(input=100)},
        {dearer: a_line(input=100), GPT: a_line(input=100)},
    ):
        # 150 free: 100 at 3 and 50 at 2.50; 50 at 2.50 remain.
        assert total(totals, allowance=[{"tokens": 150}]) == "0.000125"


@pytest.mark.parametrize(
    ("used", "expected"),
    [(999, "0"), (1000, "0"), (1001, "0.00001"), (0, "0")],
)
def test_an_allowance_is_free_to_the_last_token(used: int, expected: str) -> None:
    totals = {GPT: a_line(output=used)}
    assert total(totals, allowance=[{"tokens": 1000}]) == expected


def test_a_second_allowance_sees_what_the_first_one_left() -> None:
    allowances = [{"tokens": 30, "meters": [{"bucket": "output"}]}, {"tokens": 50}]
    # 100 output less 30 less 50 at 10 per million.
    assert total({GPT: a_line(output=100)}, allowance=allowances) == "0.0002"


@pytest.mark.parametrize(
    ("used", "expected"),
    # 1,000 output tokens are 0.01; 0.005 is what 500 cost.
    [(499, "0"), (500, "0"), (501, "0.00001"), (1000, "0.005")],
)
def test_an_allowance_of_money_covers_usage_up_to_its_amount(used: int, expected: str) -> None:
    assert total({GPT: a_line(output=used)}, allowance=[{"amount": "0.005"}]) == expected


def test_an_allowance_of_money_covers_what_tiers_charge_and_no_fee() -> None:
    found = charge(
        {GPT: a_line(3, output=1000), MINI: a_line(output=1000)},
        plan(
            allowance=[{"amount": "0.002"}, {"amount": "0.007"}, {"amount": "1"}],
            tiers=[tier("volume", step(None, "8"))],
            request_fee="0.25",
            base_fee="10",
        ),
    )
    # Tier 0.008, mini 0.0006: 0.0086 of usage; 0.002 and 0.0066 cover it all.
    # Four requests at 0.25 and the base fee remain.
    assert lines(found) == [
        ("usage", "gpt-4o-mini", "output", 1000, "0.0006"),
        ("allowance", None, None, 1, "-0.002"),
        ("allowance", None, None, 1, "-0.0066"),
        ("tier", "gpt-4o", None, 1000, "0.008"),
        ("request_fee", None, None, 4, "1"),
        ("base_fee", None, None, 1, "10"),
    ]
    assert format_amount(found.total) == "11"


def test_an_allowance_of_money_covers_no_token_that_is_free_already() -> None:
    allowances = [{"amount": "0.0004"}, {"tokens": 900}]
    # 100 output tokens beyond the 900 are 0.001, less 0.0004.
    assert total({GPT: a_line(output=1000)}, allowance=allowances) == "0.0006"
    found = charge({GPT: a_line(output=1000)}, plan(allowance=[{"amount": "1"}, {"tokens": 900}]))
    assert [line[4] for line in lines(found)] == ["0.01", "-0.009", "-0.001"]


STEPS = [step(1000, "10"), step(3000, "8"), step(None, "5")]


@pytest.mark.parametrize(
    ("used", "graduated", "volume"),
    [
        (0, "0", "0"),
        (1, "0.00001", "0.00001"),
        (999, "0.00999", "0.00999"),
        (1000, "0.01", "0.01"),
        # 1,000 x 10 + 1 x 8; by volume 1,001 x 8
        (1001, "0.010008", "0.008008"),
        # 1,000 x 10 + 1,999 x 8; 2,999 x 8
        (2999, "0.025992", "0.023992"),
        # 1,000 x 10 + 2,000 x 8; 3,000 x 8
        (3000, "0.026", "0.024"),
        # 1,000 x 10 + 2,000 x 8 + 1 x 5; 3,001 x 5
        (3001, "0.026005", "0.015005"),
        # 0.026 + 7,000 x 5; 10,000 x 5
        (10000, "0.061", "0.05"),
    ],
)
def test_a_step_of_a_tier_reaches_up_to_its_count_inclusive(
    used: int, graduated: str, volume: str
) -> None:
    totals = {GPT: a_line(input=used // 2, output=used - used // 2)}
    assert total(totals, tiers=[tier("graduated", *STEPS)]) == graduated
    assert total(totals, tiers=[tier("volume", *STEPS)]) == volume


def test_a_tier_takes_the_place_of_the_usage_it_covers_line_by_step() -> None:
    meters = [{"model": "gpt-4o", "bucket": "output"}, {"model": "gpt-4o-mini"}]
    found = charge(
        {GPT: a_line(input=1000, output=900), MINI: a_line(input=600)},
        plan(tiers=[tier("graduated", *STEPS, meters=meters)]),
    )
    assert lines(found) == [
        ("usage", "gpt-4o", "input", 1000, "0.0025"),
        ("tier", None, None, 1000, "0.01"),
        ("tier", None, None, 500, "0.004"),
    ]
    assert [line.term for line in found.lines[1:]] == ["tiers.0.steps.0", "tiers.0.steps.1"]


def test_tiers_see_what_an_allowance_left() -> None:
    found = charge(
        {GPT: a_line(output=1500)},
        plan(allowance=[{"tokens": 400}], tiers=[tier("graduated", *STEPS)]),
    )
    # 1,100 beyond the allowance: 1,000 x 10 + 100 x 8.
    assert lines(found) == [
        ("allowance", "gpt-4o", "output", -400, "0"),
        ("tier", "gpt-4o", None, 1000, "0.01"),
        ("tier", "gpt-4o", None, 100, "0.0008"),
    ]
    assert format_amount(found.total) == "0.0108"


@pytest.mark.parametrize(
    ("used", "packages", "expected"),
    [(0, 0, "0"), (1, 1, "0.5"), (999, 1, "0.5"), (1000, 1, "0.5"), (1001, 2, "1")],
)
def test_a_package_begun_is_paid_whole(used: int, packages: int, expected: str) -> None:
    package = {"meters": [{"model": "gpt-4o"}], "size": 1000, "price": "0.50"}
    found = charge({GPT: a_line(output=used)}, plan(packages=[package]))
    assert format_amount(found.total) == expected
    assert sum(line.quantity for line in found.lines) == packages
    assert {line.unit for line in found.lines} <= {"package"}


def test_the_request_fee_is_for_each_billable_request_priced_or_not() -> None:
    totals = {
        GPT: a_line(10, flags=(4, 0, 0), input=1000),
        a_rate(None, version=None): a_line(3, flags=(0, 2, 1), input=7),
    }
    # 6 + 3 requests at 0.001, and 1,000 x 2.50 per million.
    assert total(totals, request_fee="0.001") == "0.0115"


@pytest.mark.parametrize(
    ("used", "expected", "top_up"),
    # The base fee of 1 counts towards the minimum of 3: what is missing is 2 less the usage.
    [
        (0, "3", "2"),
        (199_999, "3", "0.00001"),
        (200_000, "3", None),
        (200_001, "3.00001", None),
    ],
)
def test_a_minimum_is_topped_up_to_the_last_token(
    used: int, expected: str, top_up: str | None
) -> None:
    found = charge({GPT: a_line(output=used)}, plan(base_fee="1", minimum="3"))
    assert format_amount(found.total) == expected
    tops = [format_amount(line.amount) for line in found.lines if line.kind == "minimum"]
    assert tops == ([] if top_up is None else [top_up])


def test_the_lines_stand_in_the_order_of_a_statement() -> None:
    found = charge(
        {GPT: a_line(output=M), MINI: a_line(output=M), a_rate("b", input="1"): a_line(input=M)},
        plan(
            minimum="1000",
            base_fee="1",
            request_fee="1",
            packages=[{"meters": [{"model": "b"}], "size": M, "price": "1"}],
            tiers=[tier("volume", step(None, "8"))],
            allowance=[{"amount": "1"}, {"tokens": 1}],
        ),
    )
    assert [line.kind for line in found.lines] == [
        "usage",
        "allowance",
        "allowance",
        "tier",
        "package",
        "request_fee",
        "base_fee",
        "minimum",
    ]


RATES = [
    GPT,
    MINI,
    a_rate("gpt-4o", version="v2", input="3", output="10"),
    a_rate("b", input="0", cached_read="0.5"),
    a_rate(None, version=None),
]
PLANS = [
    plan(),
    plan(
        base_fee="1",
        minimum="2",
        request_fee="0.001",
        allowance=[
            {"tokens": 700, "meters": [{"bucket": "output"}, {"model": "gpt-4o"}]},
            {"amount": "0.001"},
            {"tokens": 100},
        ],
        tiers=[tier("graduated", *STEPS), tier("volume", *STEPS, meters=[{"model": "b"}])],
        packages=[{"meters": [{"model": "gpt-4o-mini"}], "size": 7, "price": "0.01"}],
    ),
]
requests = st.lists(
    st.tuples(st.sampled_from(RATES), st.lists(st.integers(0, 2000), min_size=3, max_size=3))
)


def line_for(rate: Rate, counts: list[int]) -> RateTotals:
    fits = [unit is not None for unit in rate.units]
    places = dict(zip([place for place, fit in enumerate(fits) if fit], counts, strict=False))
    return RateTotals(1, tokens=tuple(places.get(place, 0) for place in range(len(BUCKETS))))


def added(*parts: Mapping[Rate, RateTotals]) -> dict[Rate, RateTotals]:
    totals: dict[Rate, RateTotals] = {}
    for part in parts:
        for rate, line in part.items():
            totals[rate] = totals.get(rate, RateTotals()).plus(line)
    return totals


@given(requests, st.sampled_from(PLANS), st.randoms(use_true_random=False))
def test_no_order_and_no_way_of_adding_up_changes_a_charge(
    made: list[tuple[Rate, list[int]]], terms: Plan, random: Any
) -> None:
    one_by_one = [{rate: line_for(rate, counts)} for rate, counts in made]
    in_order = charge(added(*one_by_one), terms)
    random.shuffle(one_by_one)
    assert charge(added(*one_by_one), terms) == in_order
    # The same price under many versions of the book: as many totals, one charge.
    split = {
        rate._replace(row=str(number)): line
        for number, part in enumerate(one_by_one)
        for rate, line in part.items()
    }
    assert charge(split, terms) == in_order


@given(requests)
def test_without_period_terms_a_charge_is_the_sum_of_the_entries(
    made: list[tuple[Rate, list[int]]],
) -> None:
    totals = added(*({rate: line_for(rate, counts)} for rate, counts in made))
    entries = sum(amount_of(rate, line_for(rate, counts).tokens) or 0 for rate, counts in made)
    assert charge(totals, plan()).total == entries


@given(requests, requests)
def test_usage_adds_up_over_buckets_and_requests(
    one: list[tuple[Rate, list[int]]], other: list[tuple[Rate, list[int]]]
) -> None:
    parts = [[{rate: line_for(rate, counts)} for rate, counts in made] for made in (one, other)]
    apart = sum(charge(added(*part), plan()).total for part in parts)
    assert charge(added(*parts[0], *parts[1]), plan()).total == apart


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=3, unique=True),
    st.integers(0, 40),
    st.integers(0, 10),
)
def test_a_graduated_total_is_the_sum_of_what_each_token_costs(
    ends: list[int], used: int, free: int
) -> None:
    steps = [(end, 9 - number) for number, end in enumerate(sorted(ends))]
    terms = plan(
        tiers=[tier("graduated", *(step(end, str(p)) for end, p in steps), step(None, "2"))],
        allowance=[{"tokens": free}] if free else [],
    )
    beyond = range(1, max(0, used - free) + 1)
    # A price of 1 per million is 10^12 units of 10^-18 a token.
    each = [next((price for end, price in steps if token <= end), 2) for token in beyond]
    assert charge({GPT: a_line(output=used)}, terms).total == sum(each) * 10**12


@given(requests, st.sampled_from(PLANS))
def test_the_lines_add_up_to_the_total_and_no_allowance_is_worth_more_than_the_usage(
    made: list[tuple[Rate, list[int]]], terms: Plan
) -> None:
    found = charge(added(*({rate: line_for(rate, counts)} for rate, counts in made)), terms)
    by_kind: dict[str, int] = {}
    for line in found.lines:
        by_kind[line.kind] = by_kind.get(line.kind, 0) + line.amount
    assert sum(by_kind.values()) == found.total
    usage = sum(by_kind.get(kind, 0) for kind in ("usage", "tier", "package"))
    assert 0 <= -by_kind.get("allowance", 0) <= usage
