"""Burning: which grant pays for what, to the last unit."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from metering.core.basics.errors import InvariantBroken
from metering.core.calendars.dated import FOREVER
from metering.core.credit.grant import Burnt, Grant, Spend
from tests.core.credits import GRANTS, LAST, SETTLEMENTS, SPENDS, burn, grant

type Grants = list[Grant]
type Spends = list[Spend]


def simulated(grants: Sequence[Grant], spends: Sequence[Spend]) -> tuple[dict[str, int], int]:
    """Pay unit by unit: each from the best grant that there is for it."""
    left = {one.id: one.units for one in grants}
    uncovered = 0
    for spend in spends:
        for _ in range(spend.amount):
            fitting = [
                one
                for one in grants
                if left[one.id] > 0
                and one.start <= spend.time
                and (one.expiry is None or spend.time < one.expiry)
                and (one.revoked is None or spend.time < one.revoked)
                and one.channel in {None, spend.channel}
            ]
            if fitting:
                key = lambda one: (one.priority, one.expiry or FOREVER, one.start, one.id)  # noqa: E731
                left[min(fitting, key=key).id] -= 1
            else:
                uncovered += 1
    spent = {one.id: one.units - left[one.id] for one in grants}
    return {name: amount for name, amount in spent.items() if amount}, uncovered


@given(GRANTS, SPENDS)
def test_burning_is_what_paying_unit_by_unit_comes_to(grants: Grants, spends: Spends) -> None:
    burnt = burn(grants, spends)
    assert (burnt.spent, burnt.uncovered) == simulated(grants, spends)


@given(GRANTS, SPENDS)
def test_no_grant_pays_more_than_it_has_and_the_sum_is_exact(
    grants: Grants, spends: Spends
) -> None:
    burnt = burn(grants, spends)
    assert all(0 < burnt.spent.get(one.id, 1) <= max(1, one.units) for one in grants)
    assert burnt.total + burnt.uncovered == sum(spend.amount for spend in spends)


@given(GRANTS, SPENDS, st.randoms(use_true_random=False))
def test_the_order_in_which_grants_are_named_does_not_matter(
    grants: Grants, spends: Spends, chance: random.Random
) -> None:
    other = list(grants)
    chance.shuffle(other)
    assert burn(other, spends) == burn(grants, spends)


@given(GRANTS, SPENDS, st.data())
def test_a_spend_in_two_parts_at_the_same_instant_burns_the_same(
    grants: Grants, spends: Spends, data: st.DataObject
) -> None:
    parts = []
    for spend in spends:
        first = data.draw(st.integers(0, spend.amount))
        parts += [spend._replace(amount=first), spend._replace(amount=spend.amount - first)]
    assert burn(grants, parts) == burn(grants, spends)


@given(GRANTS, SPENDS, st.data())
def test_periods_that_follow_each_other_burn_what_one_long_period_would(
    grants: Grants, spends: Spends, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(spends)))
    one = burn(grants, spends[:cut])
    two = burn(grants, spends[cut:], one.spent)
    whole = burn(grants, spends)
    together = {name: one.spent.get(name, 0) + two.spent.get(name, 0) for name in whole.spent}
    assert together == whole.spent
    assert one.uncovered + two.uncovered == whole.uncovered


def test_the_order_is_priority_then_expiry_then_age_then_name() -> None:
    grants = [
        grant("b", 10),
        grant("a", 10),
        grant("older", 10, start=-1),
        grant("expires", 10, expiry=50),
        grant("first", 10, priority=-1),
    ]
    # 10 + 10 + 10 + 10 are spent whole, and 1 of the last.
    burnt = burn(grants, [Spend(5, None, 41)])
    assert burnt == Burnt({"first": 10, "expires": 10, "older": 10, "a": 10, "b": 1}, 0)
    assert list(burnt.spent) == ["first", "expires", "older", "a", "b"]


def test_a_grant_pays_from_its_start_on_and_no_longer_at_its_expiry() -> None:
    grants = [grant("g", 10, start=5, expiry=7)]
    burnt = burn(grants, [Spend(time, None, 1) for time in (4, 5, 6, 7)])
    assert burnt == Burnt({"g": 2}, 2)


def test_a_revoked_grant_pays_for_what_was_used_before() -> None:
    burnt = burn([grant("g", 10, revoked=6)], [Spend(5, None, 3), Spend(6, None, 3)])
    assert burnt == Burnt({"g": 3}, 3)


def test_a_grant_for_a_channel_pays_for_nothing_else() -> None:
    grants = [grant("m", 10, channel="microsoft")]
    spends = [Spend(1, channel, 2) for channel in ("marketplace", None, "microsoft")]
    assert burn(grants, spends) == Burnt({"m": 2}, 4)


def test_spends_out_of_order_are_a_bug_of_the_caller() -> None:
    with pytest.raises(InvariantBroken, match="a spend of 1 at 4 after one at 5"):
        burn([], [Spend(5, None, 1), Spend(4, None, 1)])
    with pytest.raises(InvariantBroken, match="a spend of -1"):
        burn([], [Spend(5, None, -1)])


def test_a_grant_that_paid_more_than_it_has_is_a_bug() -> None:
    with pytest.raises(InvariantBroken, match="grant 'g' of acme: paid more than it has"):
        burn([grant("g", 10)], [], {"g": 11})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("amount", "0", "is not above zero"),
        ("amount", "-1", "is not above zero"),
        ("amount", 10, "write it as a quoted decimal string"),
        ("amount", "1.0000000000000000001", "more than 18 decimals"),
        ("currency", "usd", "should match pattern"),
        ("tenant", "a|b", "should match pattern"),
        ("id", "", "should match pattern"),
        ("expiry", 0, "is not after the start"),
        ("priority", 1001, "less than or equal to 1000"),
        ("channel", "aws", "'microsoft' or 'marketplace'"),
        ("reason", "x" * 257, "at most 256 characters"),
        ("surprise", 1, "Extra inputs"),
    ],
)
def test_what_is_no_grant_is_refused(field: str, value: Any, reason: str) -> None:
    content = {"id": "g", "tenant": "acme", "amount": "10.00", "currency": "USD", "start": 0}
    assert Grant.model_validate(content).amount == "10"
    with pytest.raises(ValidationError, match=reason):
        Grant.model_validate({**content, field: value})


def test_at_the_end_grants_for_one_channel_pay_before_those_for_everything() -> None:
    # A fee of 10 has no channel, a correction of 10 is of microsoft. In order of rank the general
    # grant would pay the correction, the other nothing, and the fee would be owed.
    grants = [grant("a-general", 10), grant("b-narrow", 10, channel="microsoft", priority=1)]
    found = burn(grants, [], at_last={"microsoft": 10, "marketplace": 0, None: 10})
    assert (found.spent, found.uncovered) == ({"a-general": 10, "b-narrow": 10}, 0)


@given(GRANTS, SETTLEMENTS)
def test_at_the_end_no_order_of_grants_would_pay_more(
    grants: list[Grant], at_last: dict[str | None, int]
) -> None:
    valid = [one for one in grants if one.is_valid(LAST)]
    narrow = {
        channel: sum(one.units for one in valid if one.channel == channel)
        for channel in ("microsoft", "marketplace")
    }
    general = sum(one.units for one in valid if one.channel is None)
    unpaid = sum(max(0, due - narrow.get(channel or "", 0)) for channel, due in at_last.items())
    found = burn(grants, [], at_last=at_last)
    assert found.uncovered == max(0, unpaid - general)
    assert found.total == sum(at_last.values()) - found.uncovered
