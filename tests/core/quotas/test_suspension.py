"""What is done about a subscription: every combination of what is wanted, there and recorded."""

from itertools import product

import pytest

from metering.core.quotas.suspension import (
    FREE,
    KEEP_AWAY,
    STUCK_AFTER,
    Action,
    Desired,
    Phase,
    SubscriptionState,
    Suspension,
    begin,
    decide_suspension,
    is_in_hand,
    is_stuck,
    move,
)
from tests.builders import NOW

BLOCK = Desired(is_suspended=True, reason="quota day: 100 %")
OTHERS = [
    state
    for state in SubscriptionState
    if state not in {SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED}
]
LONG_AGO = NOW - KEEP_AWAY


def held(phase: Phase, at: int = LONG_AGO) -> Suspension:
    return begin("sub-1", phase, "why", at)


def action(
    desired: Desired, observed: SubscriptionState | None, suspension: Suspension | None
) -> Action:
    return decide_suspension(desired, observed, suspension, NOW).action


def test_an_active_one_that_is_wanted_suspended_is_suspended_for_that_reason() -> None:
    decision = decide_suspension(BLOCK, SubscriptionState.ACTIVE, None, NOW)
    assert decision == (Action.SUSPEND, "quota day: 100 %")


@pytest.mark.parametrize("observed", [None, *SubscriptionState])
def test_one_that_we_did_not_suspend_is_never_reactivated(
    observed: SubscriptionState | None,
) -> None:
    assert action(FREE, observed, None) is Action.LEAVE
    for phase in Phase:
        done = action(FREE, observed, held(phase))
        ours = observed is SubscriptionState.SUSPENDED and phase is not Phase.OVERRIDDEN
        assert done is (Action.REACTIVATE if ours else Action.FORGET)


@pytest.mark.parametrize("observed", [SubscriptionState.SUSPENDED, *OTHERS, None])
def test_one_that_lets_nobody_in_already_is_not_made_ours(
    observed: SubscriptionState | None,
) -> None:
    assert action(BLOCK, observed, None) is Action.LEAVE


def test_only_an_active_one_is_ever_suspended_and_only_if_that_is_wanted() -> None:
    for desired, observed, phase in product(
        [BLOCK, FREE], [None, *SubscriptionState], [None, *Phase]
    ):
        suspension = None if phase is None else held(phase)
        if action(desired, observed, suspension) is Action.SUSPEND:
            assert desired is BLOCK
            assert observed is SubscriptionState.ACTIVE
            assert phase not in {Phase.SUSPENDED, Phase.OVERRIDDEN}


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.SUSPENDED, Action.LEAVE),
        (Phase.SUSPENDING, Action.CONFIRM),
        (Phase.REACTIVATING, Action.CONFIRM),
        (Phase.OVERRIDDEN, Action.LEAVE),
    ],
)
def test_one_that_is_suspended_and_should_be_only_wants_its_record_right(
    phase: Phase, expected: Action
) -> None:
    assert action(BLOCK, SubscriptionState.SUSPENDED, held(phase)) is expected


@pytest.mark.parametrize("phase", [Phase.SUSPENDING, Phase.REACTIVATING])
def test_what_was_begun_and_not_done_is_begun_again(phase: Phase) -> None:
    assert action(BLOCK, SubscriptionState.ACTIVE, held(phase)) is Action.SUSPEND
    for other in OTHERS:
        assert action(BLOCK, other, held(phase)) is Action.FORGET


@pytest.mark.parametrize("observed", [SubscriptionState.ACTIVE, *OTHERS])
def test_what_somebody_changed_by_hand_is_reported_once_and_left_while_it_is_wanted(
    observed: SubscriptionState,
) -> None:
    decision = decide_suspension(BLOCK, observed, held(Phase.SUSPENDED), NOW)
    assert decision == (Action.REPORT, f"suspended by us, and {observed} by hand since")
    assert action(BLOCK, observed, held(Phase.OVERRIDDEN)) is Action.LEAVE


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("desired", [BLOCK, FREE])
def test_of_one_that_was_deleted_no_record_stays(desired: Desired, phase: Phase) -> None:
    assert action(desired, None, held(phase)) is Action.FORGET


@pytest.mark.parametrize("phase", [Phase.SUSPENDING, Phase.REACTIVATING])
def test_who_has_it_in_hand_is_left_alone_until_that_is_old(phase: Phase) -> None:
    young = held(phase, LONG_AGO + 1)
    assert is_in_hand(young, NOW)
    assert not is_in_hand(held(phase), NOW)
    for desired, observed in product([BLOCK, FREE], [None, *SubscriptionState]):
        assert action(desired, observed, young) is Action.LEAVE


def test_what_is_done_is_in_nobodys_hand() -> None:
    for phase in (Phase.SUSPENDED, Phase.OVERRIDDEN):
        assert not is_in_hand(held(phase, NOW), NOW)
        assert not is_stuck(held(phase, 0), NOW)


def test_a_change_is_stuck_from_its_first_beginning_on_however_often_it_was_taken_up() -> None:
    suspension = begin("sub-1", Phase.SUSPENDING, "why", NOW)
    again = move(suspension, Phase.SUSPENDING, "why else", NOW + KEEP_AWAY)
    assert again == ("sub-1", Phase.SUSPENDING, "why else", NOW, NOW + KEEP_AWAY)
    assert not is_stuck(again, NOW + STUCK_AFTER - 1)
    assert is_stuck(again, NOW + STUCK_AFTER)
    done = move(again, Phase.SUSPENDED, "why", NOW + 9)
    assert (done.since, done.at) == (NOW + 9, NOW + 9)
