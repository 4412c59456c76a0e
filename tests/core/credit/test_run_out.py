"""The run-out of credit: as burning it moment by moment would give."""

from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import DAY
from metering.core.credit.credit import CreditBalance, credit_balance
from metering.core.credit.grant import Grant
from metering.core.credit.run_out import HORIZON, Rate, with_run_out
from tests.core.credits import GRANTS, LAST, grant

#: What is left and what is used are in small units; one unit an instant is this rate.
ONE_EACH = Rate(1, 1)


def balance(*grants: Grant, at: int = 0, carried: int = 0) -> CreditBalance:
    return credit_balance("acme", "USD", grants, {}, (), at, carried)


def dates(found: CreditBalance) -> dict[str, int | None]:
    return {one.grant.id: one.runs_out for one in found.grants}


def test_grants_are_used_up_one_after_the_other_and_one_ends_with_something_left() -> None:
    first = grant("first", 10, expiry=4)
    second = grant("second", 6)
    later = grant("later", 5, start=20)
    found = with_run_out(balance(first, second, later, carried=1), ONE_EACH)
    # 1 carried until 1; 3 of first until it expires at 4; 6 of second until 10; a gap until 20.
    assert dates(found) == {"first": 4, "second": 10, "later": 25}
    assert found.runs_out == 10


def test_a_grant_that_begins_when_the_last_one_is_used_up_leaves_no_gap() -> None:
    found = with_run_out(balance(grant("a", 5), grant("b", 5, start=5)), ONE_EACH)
    assert (dates(found), found.runs_out) == ({"a": 5, "b": 10}, 10)


def test_a_slow_rate_is_rounded_to_the_next_instant() -> None:
    # 10 at 3 in 7 instants: 23 1/3.
    assert with_run_out(balance(grant("a", 10)), Rate(3, 7)).runs_out == 24


def test_without_usage_only_expiry_ends_credit() -> None:
    rate = Rate(0, 5 * DAY)
    assert with_run_out(balance(grant("a", 10)), rate).runs_out is None
    found = with_run_out(balance(grant("a", 10, expiry=9), at=3), rate)
    assert (found.runs_out, dates(found)) == (9, {"a": 9})


def test_what_is_used_up_already_has_run_out_now() -> None:
    assert with_run_out(balance(grant("a", 10, expiry=2), at=7), ONE_EACH).runs_out == 7
    assert with_run_out(balance(at=7), Rate(0, 0)).runs_out == 7


def test_a_date_beyond_the_horizon_is_none() -> None:
    least = HORIZON - 1
    assert with_run_out(balance(grant("a", least)), ONE_EACH).runs_out == least
    assert with_run_out(balance(grant("a", HORIZON)), ONE_EACH).runs_out is None
    assert dates(with_run_out(balance(grant("a", HORIZON + 1)), ONE_EACH)) == {"a": None}


@given(GRANTS, st.integers(0, LAST), st.integers(0, 9), st.integers(0, 3))
def test_it_is_what_paying_instant_by_instant_gives(
    grants: list[Grant], at: int, carried: int, used: int
) -> None:
    found = with_run_out(balance(*grants, at=at, carried=carried), Rate(used, 1))
    ranked = sorted(grants, key=lambda one: one.rank)
    left = {one.id: one.units for one in ranked if at < one.end}
    out: dict[str, int] = {}
    total = None
    for now in range(at, at + 200):
        for one in ranked:
            if one.id in left and one.end <= now:
                out[one.id] = now
                del left[one.id]
        valid = [one for one in ranked if one.id in left and one.is_valid(now)]
        if total is None and not carried and not valid:
            total = now
        due = used
        pays = min(carried, due)
        carried, due = carried - pays, due - pays
        for one in valid:
            pays = min(left[one.id], due)
            left[one.id], due = left[one.id] - pays, due - pays
            if not left[one.id]:
                out[one.id] = now + 1
                del left[one.id]
    assert dates(found) == {one.id: out.get(one.id) for one in grants}
    assert found.runs_out == total
