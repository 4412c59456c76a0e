"""Allocation out: the cost of a month divided exactly, by hand and for every usage there may be."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.allocation.allocation import (
    Allocation,
    Counted,
    HourlyTokens,
    Share,
    allocate,
    differences,
    divide,
)
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import HOUR
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, parse_month
from metering.core.deployments.capacity import Span
from metering.core.deployments.deployment import IdlePolicy

NOVEMBER = parse_month("2026-11")
FIRST = NOVEMBER.start
ONE = 10**18
M = 10**6


def span(
    hours: int = 3, price: int = 12 * ONE // 10, idle: IdlePolicy = "unallocated", *, after: int = 0
) -> Span:
    """Return hours of ten units: at 1.20 a unit, 12 an hour."""
    start = FIRST + after * HOUR
    return Span(start, start + hours * HOUR, 10, price, "USD", idle)


#: Two tenants use the first hour, one the second, nobody the third.
TOKENS = {FIRST: {"acme": 300 * M, "beta": 100 * M}, FIRST + HOUR: {"acme": 50 * M, "beta": 0}}


def shared(*spans: Span, tokens: HourlyTokens = TOKENS) -> Allocation:
    return allocate(
        "chat", NOVEMBER, spans, tokens, counted=[], is_billable=lambda tenant: tenant != "beta"
    )


def told(allocation: Allocation) -> dict[str, tuple[str, str]]:
    return {
        share.tenant: (format_amount(share.used), format_amount(share.idle))
        for share in allocation.shares
    }


def test_a_used_hour_is_divided_by_weighted_tokens_and_an_idle_one_is_unallocated() -> None:
    allocation = shared(span())
    # Hour 1: 12 x 300/400 = 9 and 12 x 100/400 = 3. Hour 2: 12, all acme's. Hour 3: nobody's 12.
    assert allocation.shares == (
        Share("acme", 21 * ONE, 0, 350 * M, 2, is_billable=True),
        Share("beta", 3 * ONE, 0, 100 * M, 1, is_billable=False),
    )
    assert (allocation.cost, allocation.unallocated) == (36 * ONE, 12 * ONE)
    assert (allocation.hours, allocation.idle_hours) == (3, 1)
    assert allocation.policies == ["unallocated"]


def test_an_idle_hour_is_paid_alike_by_all_who_used_the_month() -> None:
    allocation = shared(span(idle="equal"))
    # 12 / 2 = 6 each.
    assert told(allocation) == {"acme": ("21", "6"), "beta": ("3", "6")}
    assert allocation.unallocated == 0


def test_an_idle_hour_is_paid_by_share_of_the_months_weighted_tokens() -> None:
    allocation = shared(span(idle="by_share"))
    # 12 x 350/450 = 9.33… and 12 x 100/450 = 2.66…: the last digit goes to the larger remainder.
    assert told(allocation) == {
        "acme": ("21", "9.333333333333333333"),
        "beta": ("3", "2.666666666666666667"),
    }
    assert allocation.unallocated == 0


@pytest.mark.parametrize("idle", ["unallocated", "equal", "by_share"])
def test_what_nobody_used_is_unallocated_under_every_policy(idle: IdlePolicy) -> None:
    allocation = shared(span(idle=idle), tokens={FIRST: {"acme": 0}})
    assert allocation.shares == ()
    assert (allocation.unallocated, allocation.idle_hours) == (36 * ONE, 3)


def test_each_hour_costs_what_was_in_force_and_is_idle_under_its_own_policy() -> None:
    allocation = shared(span(2), span(2, 2 * ONE, "equal", after=2))
    # Two hours at 12 are used: 21 + 3. Two at 20 are idle: 40 / 2 = 20 each.
    assert allocation.cost == 64 * ONE
    assert told(allocation) == {"acme": ("21", "20"), "beta": ("3", "20")}
    assert allocation.policies == ["unallocated", "equal"]


def test_usage_in_hours_that_cost_nothing_pays_nothing() -> None:
    later = {FIRST + 3 * HOUR: {"late": 5}}
    allocation = shared(span(idle="equal"), tokens={**TOKENS, **later})
    assert allocation.share_of("late") is None


def test_a_share_is_found_by_tenant() -> None:
    allocation = shared(span())
    assert [allocation.share_of(name) for name in ("acme", "beta")] == list(allocation.shares)
    assert [allocation.share_of(name) for name in ("a", "acme.b", "c")] == [None] * 3


def test_equal_remainders_go_to_the_first_by_name() -> None:
    # 10 by three: 3 each, and one more for the first.
    assert divide(10, {"c": 1, "b": 1, "a": 1}) == {"a": 4, "b": 3, "c": 3}
    assert divide(11, {"c": 1, "b": 1, "a": 1}) == {"a": 4, "b": 4, "c": 3}
    # 5 x 1/4 = 1.25, 5 x 3/4 = 3.75: the rest goes to the larger remainder, not to the first.
    assert divide(5, {"a": 1, "b": 3}) == {"a": 1, "b": 4}


def test_without_weights_nothing_is_divided() -> None:
    assert divide(5, {}) == divide(5, {"a": 0}) == {}


WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**30), max_size=6)
HOURS = st.dictionaries(st.integers(0, 11).map(lambda hour: FIRST + hour * HOUR), WEIGHTS)
POLICIES = st.sampled_from(["unallocated", "equal", "by_share"])


@given(st.integers(0, 10**30), WEIGHTS)
def test_parts_add_up_none_is_negative_and_each_is_within_one_of_its_share(
    amount: int, weights: dict[str, int]
) -> None:
    parts = divide(amount, weights)
    total = sum(weights.values())
    if total:
        assert sum(parts.values()) == amount
    for name, part in parts.items():
        exact = amount * weights[name]
        assert part >= 0
        assert exact // total <= part <= -(-exact // total)


@given(HOURS, st.lists(st.tuples(st.integers(0, 10**13), POLICIES), min_size=1, max_size=4))
def test_shares_and_the_rest_add_up_to_the_cost_under_every_policy(
    tokens: dict[int, dict[str, int]], terms: list[tuple[int, IdlePolicy]]
) -> None:
    spans = [span(3, price, idle, after=3 * n) for n, (price, idle) in enumerate(terms)]
    allocation = shared(*spans, tokens=tokens)
    cost = sum(30 * price for price, _ in terms)
    assert allocation.cost == cost
    assert (
        allocation.unallocated + sum(share.used + share.idle for share in allocation.shares) == cost
    )
    assert (
        min(allocation.unallocated, *(min(one.used, one.idle) for one in allocation.shares), 0) == 0
    )
    for one in spans:
        for hour in range(one.start, one.end, HOUR):
            users = {tenant: count for tenant, count in tokens.get(hour, {}).items() if count}
            parts = divide(one.hour_cost, users)
            assert sum(parts.values()) == (one.hour_cost if users else 0)


@given(HOURS, POLICIES, st.randoms())
def test_the_order_in_which_usage_was_read_does_not_matter(
    tokens: dict[int, dict[str, int]], idle: IdlePolicy, random: Random
) -> None:
    def shuffled[K, V](mapping: dict[K, V]) -> dict[K, V]:
        items = list(mapping.items())
        random.shuffle(items)
        return dict(items)

    again = shuffled({hour: shuffled(users) for hour, users in tokens.items()})
    assert shared(span(12, idle=idle), tokens=again) == shared(span(12, idle=idle), tokens=tokens)


def test_a_sharing_that_does_not_add_up_is_found_out() -> None:
    allocation = shared(span())
    for wrong in (
        replace(allocation, unallocated=allocation.unallocated + 1),
        replace(
            allocation,
            unallocated=-24 * ONE,
            shares=(allocation.shares[0]._replace(used=60 * ONE),),
        ),
    ):
        with pytest.raises(InvariantBroken, match="allocation of chat: does not add up"):
            wrong.check()
    with pytest.raises(InvariantBroken, match="several currencies"):
        shared(span(), span(after=3)._replace(currency="EUR"))


def test_differences_name_what_is_not_as_it_is_derived() -> None:
    allocation = shared(span())
    assert differences(allocation, allocation) == []
    acme, _ = allocation.shares
    other = replace(
        allocation,
        idle_hours=2,
        counted=(Counted(LedgerId("acme", FIRST), 1, "h"),),
        shares=(acme._replace(used=20 * ONE), Share("cara", ONE, 0, 5, 1, is_billable=True)),
    )
    faults = differences(allocation, other)
    assert faults[0] == "its idle_hours is not what the registry and the pages give"
    of_acme, of_beta, of_cara = (fault.split(" is ", 1)[1] for fault in faults[1:])
    told = "{} + 0 for 350 weighted tokens, hours: 2"
    assert of_acme == f"{told.format(21)}, its pages give {told.format(20)}"
    rest = "hours: 1, not billed, its pages give nothing"
    assert of_beta == f"3 + 0 for 100 weighted tokens, {rest}"
    assert of_cara == "nothing, its pages give 1 + 0 for 0.000005 weighted tokens, hours: 1"
