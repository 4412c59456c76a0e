"""What is left of grants: never more than burning in order of time leaves."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.core.credit.credit import (
    Bounds,
    OpenSpend,
    credit_balance,
    remaining,
    state_of,
)
from metering.core.credit.grant import Grant, Spend
from tests.core.credits import CHANNELS, GRANTS, LAST, SETTLEMENTS, SPENDS, burn, grant

ANY = {"microsoft": 0, "marketplace": 0, None: 0}


def gathered(spends: Iterable[Spend], cuts: Iterable[int]) -> list[OpenSpend]:
    """Return spends of which only the span between two cuts is known."""
    ends = sorted({0, LAST + 1, *cuts})
    found = []
    for start, end in pairwise(ends):
        amounts = dict(ANY)
        for spend in spends:
            if start <= spend.time < end:
                amounts[spend.channel] += spend.amount
        found.append(OpenSpend(start, end, amounts))
    return found


@settings(max_examples=400)
@given(GRANTS, SPENDS, st.sets(st.integers(1, LAST), max_size=3), SETTLEMENTS, st.integers(0, LAST))
def test_what_is_said_to_be_left_is_never_more_than_exact_burning_leaves(
    grants: list[Grant],
    spends: list[Spend],
    cuts: set[int],
    at_last: dict[str | None, int],
    at: int,
) -> None:
    spent = burn(grants, spends, at_last=at_last).spent
    exact = {one.id: one.units - spent.get(one.id, 0) for one in grants}
    settlement = OpenSpend(LAST, LAST + 1, at_last, is_settlement=True)
    left = remaining(grants, {}, [*gathered(spends, cuts), settlement], at)
    for name, (at_least, at_most) in left.by_grant.items():
        assert 0 <= at_least <= exact[name] <= at_most
    valid = [one for one in grants if one.is_valid(at)]
    total = sum(exact[one.id] for one in valid)
    assert 0 <= left.total.at_least <= total <= left.total.at_most
    for channel in CHANNELS:
        usable = [one for one in valid if one.channel in {None, channel}]
        assert 0 <= left.by_channel[channel] <= sum(exact[one.id] for one in usable)


@given(GRANTS, SPENDS, st.integers(0, LAST))
def test_cut_where_grants_begin_and_end_the_bounds_of_grants_for_everything_meet(
    grants: list[Grant], spends: list[Spend], at: int
) -> None:
    grants = [one.model_copy(update={"channel": None}) for one in grants]
    cuts = {time for one in grants for time in (one.start, one.end) if 0 < time <= LAST}
    spent = burn(grants, spends).spent
    left = remaining(grants, {}, gathered(spends, cuts), at)
    for one in grants:
        exact = one.units - spent.get(one.id, 0)
        assert left.by_grant[one.id] == (exact, exact)
    exact = sum(one.units - spent.get(one.id, 0) for one in grants if one.is_valid(at))
    assert left.total == (exact, exact)
    assert set(left.by_channel.values()) == {exact}


def test_a_grant_that_began_too_late_does_not_spare_the_one_that_was_there() -> None:
    # 10 were spent before 5 or after: before, `old` paid; after, `new` did, for it expires first.
    grants = [grant("old", 10), grant("new", 10, start=5, expiry=20)]
    left = remaining(grants, {}, [OpenSpend(0, 10, {None: 10})], 10)
    assert left.by_grant == {"old": Bounds(0, 10), "new": Bounds(0, 10)}
    # Together they paid 10 of 20, whoever it was; once `new` is gone nothing may be left.
    assert left.total == Bounds(10, 20)
    assert remaining(grants, {}, [OpenSpend(0, 10, {None: 10})], 20).total == Bounds(0, 10)


def test_usage_of_a_period_before_a_grant_takes_nothing_of_it() -> None:
    grants = [grant("new", 10, start=30)]
    left = remaining(grants, {}, [OpenSpend(0, 30, {None: 7})], 31)
    assert left.by_grant == {"new": Bounds(10, 10)}


def test_what_two_channels_share_may_be_gone_for_either() -> None:
    grants = [grant("any", 10), grant("own", 10, channel="marketplace", priority=1)]
    left = remaining(grants, {}, [OpenSpend(0, 10, {"microsoft": 6, "marketplace": 9})], 10)
    # 15 are asked of `any`: it is gone. Of the 9 on the marketplace 4 paid from it at least, for
    # the other channel takes 6 at most; so `own` paid 5 at most, and none if it took all 9.
    assert left.by_grant == {"any": Bounds(0, 0), "own": Bounds(5, 10)}
    assert left.by_channel == {"microsoft": 0, "marketplace": 5, None: 0}


def test_settled_amounts_are_gone_before_anything_else() -> None:
    left = remaining([grant("g", 10)], {"g": 4}, [OpenSpend(0, 10, {None: 5})], 10)
    assert left.total == Bounds(1, 1)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"start": 11}, "coming"),
        ({"start": 10}, "current"),
        ({"expiry": 11}, "current"),
        ({"expiry": 10}, "expired"),
        ({"revoked": 11}, "current"),
        ({"revoked": 10}, "revoked"),
        ({"start": 11, "revoked": 10}, "revoked"),
    ],
)
def test_a_grant_is_coming_current_expired_or_revoked(changes: dict[str, Any], state: str) -> None:
    assert state_of(grant(**changes), 10) == state


def test_a_balance_lists_grants_as_they_burn_and_counts_those_that_are_valid() -> None:
    grants = [grant("b", 8), grant("a", 5, expiry=9), grant("c", 7, start=12)]
    found = credit_balance("acme", "USD", grants, {"b": 1}, [OpenSpend(5, 9, {None: 3})], 10)
    # a paid the 3 and has expired; b has 8 - 1; c is to come.
    assert [(one.grant.id, one.state, one.settled, one.remaining) for one in found.grants] == [
        ("a", "expired", 0, (0, 0)),
        ("b", "current", 1, (7, 7)),
        ("c", "coming", 0, (7, 7)),
    ]
    assert (found.granted, found.remaining, found.open_spend) == (8, (7, 7), 3)
