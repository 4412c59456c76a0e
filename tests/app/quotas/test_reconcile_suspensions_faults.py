"""Suspension where something lacks, fails or takes long."""

from pathlib import Path

import pytest

from metering.app.quotas.reconcile_suspensions import MAX_AGE, Outcome
from metering.bootstrap import App
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import MINUTE
from metering.core.quotas.suspension import KEEP_AWAY, STUCK_AFTER, Action, Phase
from metering.settings.settings import Settings, SqliteStore, read_settings
from tests.app.suspending import BLOCK, Process
from tests.builders import NOW
from tests.doubles.arm import ArmPeer, Fault
from tests.doubles.arm.api_management import (
    SERVICE_ID,
    put_service,
    put_subscription,
    state_of,
)


async def test_a_deleted_subscription_is_forgotten_and_no_error(
    process: Process, gateway: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    gateway.clear()
    put_service(gateway)
    assert await process.run(sub_1=BLOCK) == [("sub-1", Action.FORGET)]
    assert await process.run(sub_1=BLOCK, app=BLOCK) == []
    assert await process.held() == {}


async def test_a_wrong_service_forgets_nobody(process: Process, gateway: ArmPeer) -> None:
    await process.run(sub_1=BLOCK)
    gateway.clear()
    with pytest.raises(ConfigurationError, match="METERING_APIM_SERVICE"):
        await process.run(sub_1=BLOCK)
    assert await process.held() == {"sub-1": Phase.SUSPENDED}


async def test_a_fault_of_one_is_in_its_outcome_and_holds_up_no_other(
    process: Process, gateway: ArmPeer
) -> None:
    gateway.faults.append(Fault(409, path="sub-1"))
    process.wanted.states = {"sub-1": BLOCK, "sub-2": BLOCK}
    outcomes, left = await process.reconcile.run()
    assert left == 0
    assert outcomes == (
        Outcome("sub-1", Action.LEAVE, BLOCK.reason, outcomes[0].failure),
        Outcome("sub-2", Action.SUSPEND, BLOCK.reason),
    )
    assert "status 409" in outcomes[0].failure
    assert state_of(gateway, "sub-2") == "suspended"
    assert await process.run(sub_1=BLOCK, sub_2=BLOCK) == [("sub-1", Action.SUSPEND)]


async def test_a_permission_that_lacks_raises(process: Process, gateway: ArmPeer) -> None:
    gateway.faults.append(Fault(403))
    with pytest.raises(ConfigurationError, match="subscriptions/read and /write"):
        await process.run(sub_1=BLOCK)


async def test_without_what_is_wanted_nothing_is_done(process: Process, gateway: ArmPeer) -> None:
    await process.run(sub_1=BLOCK)
    gateway.requests.clear()
    process.wanted.faults.append(RetryableError("heads cannot be read"))
    with pytest.raises(RetryableError):
        await process.run()
    assert gateway.requests == []
    assert await process.held() == {"sub-1": Phase.SUSPENDED}


async def test_those_to_be_given_back_come_first_then_the_new_ones_then_the_rest(
    process: Process, gateway: ArmPeer
) -> None:
    for name in ("a", "b", "c"):
        put_subscription(gateway, name)
    await process.run(a=BLOCK, c=BLOCK)
    gateway.requests.clear()
    await process.run(a=BLOCK, b=BLOCK)
    reads = [seen.path.rpartition("/")[2] for seen in gateway.requests if seen.method == "GET"]
    assert reads == ["c", "b", "a"]


async def test_what_was_wanted_long_ago_is_not_acted_upon(
    process: Process, gateway: ArmPeer
) -> None:
    async def take_long() -> None:
        process.clock.set(NOW + MAX_AGE)

    # The second step reads the state of the first subscription.
    process.steps.after[1] = take_long
    process.wanted.states = {"sub-1": BLOCK, "sub-2": BLOCK}
    outcomes, left = await process.reconcile.run()
    assert ([one.subscription for one in outcomes], left) == (["sub-1"], 1)
    assert state_of(gateway, "sub-2") == "active"


async def test_what_is_begun_and_not_done_for_long_is_told(
    process: Process, gateway: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    for minute in range(0, 20, 5):
        # Reading works, changing does not.
        process.clock.set(NOW + minute * MINUTE)
        process.wanted.states = {}
        put_after_read(process, gateway)
        outcomes, _ = await process.reconcile.run()
        assert outcomes[0].failure
        assert outcomes[0].action is Action.REACTIVATE
        process.clock.set(process.clock.now() + MINUTE)
        assert await process.run() == []
    assert STUCK_AFTER == 3 * KEEP_AWAY
    assert process.alerts.messages == [
        "subscription sub-1: reactivating for long: check it in API Management"
    ]
    process.clock.set(NOW + 20 * MINUTE)
    assert await process.run() == [("sub-1", Action.REACTIVATE)]
    assert state_of(gateway, "sub-1") == "active"


def put_after_read(process: Process, gateway: ArmPeer) -> None:
    """Let the next change fail, after the reading that comes before it."""

    async def fail() -> None:
        gateway.faults.append(Fault(409, path="sub-1"))

    # Steps of this run: list, read.
    process.steps.after[len(process.steps.names) + 1] = fail


async def test_it_is_wired_only_where_a_service_is_named(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    assert App(Settings(store)).reconcile_suspensions is None
    service = read_settings({"METERING_APIM_SERVICE": SERVICE_ID}).apim_service
    app = App(Settings(store, apim_service=service))
    made = app.reconcile_suspensions
    assert made is not None
    assert await made.run() == ((), 0)
    await app.close()
