"""Suspension: what is wanted comes about, once, and nothing of anybody else's is touched."""

from collections.abc import Callable

import pytest

from metering.core.quotas.suspension import Action, Phase
from tests.app.suspending import BLOCK, UNBLOCK, Process
from tests.doubles.arm import ArmPeer
from tests.doubles.arm.api_management import put_subscription, state_of


async def test_a_subscription_is_suspended_while_it_is_wanted_and_given_back_after(
    process: Process, gateway: ArmPeer
) -> None:
    assert await process.run(sub_1=BLOCK) == [("sub-1", Action.SUSPEND)]
    assert state_of(gateway, "sub-1") == "suspended"
    assert await process.held() == {"sub-1": Phase.SUSPENDED}
    assert state_of(gateway, "sub-2") == "active"

    assert await process.run(sub_1=UNBLOCK) == [("sub-1", Action.REACTIVATE)]
    assert state_of(gateway, "sub-1") == "active"
    assert await process.held() == {}


async def test_the_record_is_written_before_and_removed_after(process: Process) -> None:
    await process.run(sub_1=BLOCK)
    assert process.steps.names == [
        "list",
        "read",
        "put suspending",
        "set suspended",
        "put suspended",
    ]
    process.steps.names.clear()
    await process.run()
    assert process.steps.names == ["list", "read", "put reactivating", "set active", "remove"]


async def test_again_changes_nothing(
    process: Process, make_process: Callable[[], Process], gateway: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    changes = [seen for seen in gateway.requests if seen.method == "PATCH"]
    assert len(changes) == 1
    for one in (process, make_process()):
        assert await one.run(sub_1=BLOCK) == []
    await process.run()
    assert await make_process().run() == []
    assert len([seen for seen in gateway.requests if seen.method == "PATCH"]) == 2
    assert process.alerts.messages == []


async def test_what_nobody_names_any_more_is_given_back(process: Process, gateway: ArmPeer) -> None:
    await process.run(sub_1=BLOCK, sub_2=BLOCK)
    assert await process.run(sub_2=BLOCK) == [("sub-1", Action.REACTIVATE)]
    assert [state_of(gateway, name) for name in ("sub-1", "sub-2")] == ["active", "suspended"]


async def test_the_gateway_is_not_asked_about_those_that_are_free_and_not_held(
    process: Process, gateway: ArmPeer
) -> None:
    assert await process.run(sub_1=UNBLOCK, sub_2=UNBLOCK) == []
    assert gateway.requests == []


async def test_one_that_somebody_else_suspended_is_never_given_back(
    process: Process, gateway: ArmPeer
) -> None:
    put_subscription(gateway, "sub-1", "suspended")
    assert await process.run(sub_1=BLOCK) == []
    assert await process.run(sub_1=UNBLOCK) == []
    assert state_of(gateway, "sub-1") == "suspended"
    assert await process.held() == {}
    assert {seen.method for seen in gateway.requests} == {"GET"}


@pytest.mark.parametrize("by_hand", ["active", "cancelled"])
async def test_a_change_by_hand_is_reported_once_and_stays(
    process: Process, make_process: Callable[[], Process], gateway: ArmPeer, by_hand: str
) -> None:
    await process.run(sub_1=BLOCK)
    put_subscription(gateway, "sub-1", by_hand)
    assert await process.run(sub_1=BLOCK) == [("sub-1", Action.REPORT)]
    assert process.alerts.messages == [
        f"subscription sub-1: suspended by us, and {by_hand} by hand since: left unchanged"
    ]
    other = make_process()
    assert await other.run(sub_1=BLOCK) == await process.run(sub_1=BLOCK) == []
    assert other.alerts.messages == []
    assert state_of(gateway, "sub-1") == by_hand

    put_subscription(gateway, "sub-1", "suspended")
    assert await process.run(sub_1=UNBLOCK) == [("sub-1", Action.FORGET)]
    assert state_of(gateway, "sub-1") == "suspended"
    assert await process.held() == {}


async def test_what_another_process_gave_back_meanwhile_is_no_change_by_hand(
    process: Process, make_process: Callable[[], Process], gateway: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    other, late = make_process(), make_process()

    async def give_back() -> None:
        assert await other.run(sub_1=UNBLOCK) == [("sub-1", Action.REACTIVATE)]

    late.steps.after[0] = give_back
    late.wanted.states = {"sub-1": BLOCK}
    (outcome,), _ = await late.reconcile.run()
    assert outcome.failure == "another process was first"
    assert late.alerts.messages == []
    assert (state_of(gateway, "sub-1"), await late.held()) == ("active", {})


async def test_the_next_block_after_a_change_by_hand_holds_again(
    process: Process, gateway: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    put_subscription(gateway, "sub-1")
    await process.run(sub_1=BLOCK)
    await process.run(sub_1=UNBLOCK)
    assert await process.run(sub_1=BLOCK) == [("sub-1", Action.SUSPEND)]
    assert state_of(gateway, "sub-1") == "suspended"
