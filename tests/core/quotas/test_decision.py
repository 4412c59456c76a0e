"""Decisions: the strictest quota that covers a request decides, at the limit and not before."""

from typing import Any

import pytest

from metering.core.calendars.periods import month_of
from metering.core.ledger.counts import Counts
from metering.core.ledger.limits import Counter, CounterKey, Limits
from metering.core.plans.increases import Increase
from metering.core.plans.quota import Quota
from metering.core.plans.scope import Attributes
from metering.core.quotas.decision import (
    Decision,
    QuotaState,
    Reason,
    Verdict,
    decide_quota,
    quota_states,
)
from tests.builders import AT

PERIOD = month_of(AT)


def quota(**changes: Any) -> Quota:
    made = {"metric": "tokens", "window": "period", "limit": "100", "action": "block", **changes}
    return Quota.model_validate(made)


def counts(*used: tuple[Quota, int], held: dict[Quota, int] | None = None) -> Counts:
    return Counts(
        Limits("UTC", tuple(one for one, _ in used)),
        {CounterKey(one.key, PERIOD.start): Counter(PERIOD.end, value) for one, value in used},
        {0: {CounterKey(one.key, PERIOD.start): value for one, value in (held or {}).items()}},
    )


def decided(of: Counts, asked: Attributes | None = None) -> Decision:
    return decide_quota(quota_states(of, AT, PERIOD), asked or Attributes())


@pytest.mark.parametrize(
    ("used", "verdict", "remaining"), [(99, "allow", 1), (100, "block", 0), (101, "block", 0)]
)
def test_the_action_applies_at_the_limit(used: int, verdict: str, remaining: int) -> None:
    of = counts((quota(), used))
    assert decided(of).verdict == verdict
    (state,) = quota_states(of, AT, PERIOD)
    assert (state.remaining, state.percent) == (remaining, used)


def test_open_holds_count() -> None:
    one = quota()
    assert decided(counts((one, 60), held={one: 39})).verdict is Verdict.ALLOW
    assert decided(counts((one, 60), held={one: 40})).verdict is Verdict.BLOCK


def test_a_limit_of_zero_blocks_before_anything_is_used() -> None:
    of = Counts(Limits("UTC", (quota(limit="0"),)))
    found = decided(of)
    assert (found.verdict, found.detail) == (Verdict.BLOCK, "tokens a period: 0 of 0 used")
    (state,) = quota_states(of, AT, PERIOD)
    assert state.percent == 100


def test_the_reason_and_the_reset_are_those_of_the_quota_that_decided() -> None:
    day = quota(window="day", metric="amount", limit="0.5")
    of = Counts(
        Limits("UTC", (day,)),
        {CounterKey(day.key, AT - AT % 86_400_000_000): Counter(0, 6 * 10**17)},
    )
    found = decided(of)
    assert (found.reason, found.detail) == (Reason.QUOTA_REACHED, "amount a day: 0.6 of 0.5 used")
    assert found.decided_by is not None
    assert found.decided_by.window.end == AT - AT % 86_400_000_000 + 86_400_000_000


def test_a_quota_that_only_tells_stops_nobody() -> None:
    assert decided(counts((quota(action="notify"), 500))).verdict is Verdict.ALLOW


def test_block_is_stricter_than_downgrade() -> None:
    down = quota(action={"downgrade": "gpt-4o-mini"})
    assert decided(counts((down, 100))) == Decision(
        Verdict.DOWNGRADE,
        Reason.QUOTA_REACHED,
        "tokens a period: 100 of 100 used",
        "gpt-4o-mini",
        quota_states(counts((down, 100)), AT, PERIOD)[0],
    )
    for order in ([quota(), down], [down, quota()]):
        assert decided(counts(*((one, 100) for one in order))).verdict is Verdict.BLOCK


def test_only_quotas_that_cover_the_request_decide() -> None:
    of = counts((quota(scope={"model": "gpt-4o"}), 100))
    assert decided(of, Attributes("gpt-4o")).verdict is Verdict.BLOCK
    assert decided(of, Attributes("gpt-4o-mini")).verdict is Verdict.ALLOW
    assert decided(of).verdict is Verdict.ALLOW


def test_of_a_split_quota_only_the_counter_of_the_request_decides() -> None:
    each = quota(scope={"end_user": "*"}, overrides={"ada": "200"})
    used = {
        CounterKey(each.key, PERIOD.start, (name,)): Counter(PERIOD.end, 100)
        for name in ("ada", "bob", "*")
    }
    of = Counts(Limits("UTC", (each,)), used)
    states = quota_states(of, AT, PERIOD)
    assert [one.label for one in states] == [
        f"tokens a period of end user {name}" for name in ("ada", "bob", "*")
    ]
    verdicts = {
        name: decide_quota(states, Attributes(end_user=name)).verdict
        for name in ("ada", "bob", "cleo", "")
    }
    # Somebody who is called * is one user, not all.
    assert verdicts == {"ada": "allow", "bob": "block", "cleo": "allow", "": "allow"}


def test_who_has_used_nothing_is_at_a_limit_of_zero() -> None:
    each = quota(scope={"end_user": "*"}, limit="0", overrides={"ada": "1"})
    of = Counts(Limits("UTC", (each,)))
    assert quota_states(of, AT, PERIOD) == []
    for name, verdict in (("ada", Verdict.ALLOW), ("bob", Verdict.BLOCK)):
        asked = Attributes(end_user=name)
        assert decide_quota(quota_states(of, AT, PERIOD, asked), asked).verdict is verdict


def test_a_limit_is_higher_until_its_increase_ends() -> None:
    one = quota(scope={"end_user": "*"})
    key = CounterKey(one.key, PERIOD.start, ("ada",))

    def state_at(at: int, *increases: Increase) -> QuotaState:
        limits = Limits("UTC", (one,), increases=increases)
        counts = Counts(limits, {key: Counter(PERIOD.end, 120)})
        (state,) = quota_states(counts, at, PERIOD)
        return state

    def increase(limit: str, **changes: Any) -> Increase:
        made = {
            "quota": one.key,
            "limit": limit,
            "until": AT + 10,
            "reason": "launch",
            "author": "ada",
        }
        return Increase.model_validate(made | changes)

    assert state_at(AT).is_reached
    raised = state_at(AT + 9, increase("150"))
    assert (raised.limit, raised.is_reached, raised.increased_until) == (150, False, AT + 10)
    assert state_at(AT + 10, increase("150")).is_reached
    # The last one counts, and one for ada before one for everybody.
    assert state_at(AT, increase("150"), increase("110")).limit == 110
    assert state_at(AT, increase("130", values=["ada"]), increase("150")).limit == 130
    assert state_at(AT, increase("130", values=["bob"])).limit == 100
    assert state_at(AT, increase("150", quota="another")).limit == 100


def test_a_quota_in_shadow_says_what_it_would_do_and_does_nothing() -> None:
    found = decided(counts((quota(mode="shadow"), 100)))
    assert found.verdict is Verdict.ALLOW
    assert found.shadowed == ("block: tokens a period: 100 of 100 used",)
