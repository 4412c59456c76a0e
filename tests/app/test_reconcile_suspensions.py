"""Suspension: what is wanted comes about, once, and nothing of anybody else's is touched."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from metering.adapters.sqlite.database import Database
from metering.app.reconcile_suspensions import MAX_AGE, Outcome
from metering.bootstrap import App, sqlite_stores
from metering.config import Settings, SqliteStore, read_settings
from metering.core.errors import ConfigurationError, RetryableError
from metering.core.instants import MINUTE
from metering.core.suspension import KEEP_AWAY, STUCK_AFTER, Action, Phase
from tests.app.suspending import BLOCK, UNBLOCK, Process, Wanted
from tests.builders import NOW
from tests.emulators.arm import ArmPeer, Fault
from tests.emulators.arm.api_management import (
    SERVICE_ID,
    put_service,
    put_subscription,
    state_of,
)

SUB = f"{SERVICE_ID}/subscriptions/sub-1"


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[ArmPeer]:
    with ArmPeer() as peer:
        yield peer


@pytest.fixture
def peer(shared_peer: ArmPeer) -> ArmPeer:
    """Return a gateway with two active subscriptions."""
    shared_peer.clear()
    put_service(shared_peer)
    put_subscription(shared_peer, "sub-1")
    put_subscription(shared_peer, "sub-2")
    return shared_peer


@pytest.fixture
async def make(peer: ArmPeer, tmp_path: Path) -> AsyncIterator[Callable[[], Process]]:
    made: list[tuple[Process, Database]] = []

    def process() -> Process:
        database = Database(tmp_path / "store.db")
        one = Process(peer.url, sqlite_stores(database).suspensions)
        made.append((one, database))
        return one

    yield process
    for one, database in made:
        await one.gate.close()
        await database.close()


@pytest.fixture
def process(make: Callable[[], Process]) -> Process:
    return make()


async def test_a_subscription_is_suspended_while_it_is_wanted_and_given_back_after(
    process: Process, peer: ArmPeer
) -> None:
    assert await process.run(sub_1=BLOCK) == [("sub-1", Action.SUSPEND)]
    assert state_of(peer, "sub-1") == "suspended"
    assert await process.held() == {"sub-1": Phase.SUSPENDED}
    assert state_of(peer, "sub-2") == "active"

    assert await process.run(sub_1=UNBLOCK) == [("sub-1", Action.REACTIVATE)]
    assert state_of(peer, "sub-1") == "active"
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
    process: Process, make: Callable[[], Process], peer: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    changes = [seen for seen in peer.requests if seen.method == "PATCH"]
    assert len(changes) == 1
    for one in (process, make()):
        assert await one.run(sub_1=BLOCK) == []
    await process.run()
    assert await make().run() == []
    assert len([seen for seen in peer.requests if seen.method == "PATCH"]) == 2
    assert process.alerts.messages == []


async def test_what_nobody_names_any_more_is_given_back(process: Process, peer: ArmPeer) -> None:
    await process.run(sub_1=BLOCK, sub_2=BLOCK)
    assert await process.run(sub_2=BLOCK) == [("sub-1", Action.REACTIVATE)]
    assert [state_of(peer, name) for name in ("sub-1", "sub-2")] == ["active", "suspended"]


async def test_the_gateway_is_not_asked_about_those_that_are_free_and_not_held(
    process: Process, peer: ArmPeer
) -> None:
    assert await process.run(sub_1=UNBLOCK, sub_2=UNBLOCK) == []
    assert peer.requests == []


async def test_one_that_somebody_else_suspended_is_never_given_back(
    process: Process, peer: ArmPeer
) -> None:
    put_subscription(peer, "sub-1", "suspended")
    assert await process.run(sub_1=BLOCK) == []
    assert await process.run(sub_1=UNBLOCK) == []
    assert state_of(peer, "sub-1") == "suspended"
    assert await process.held() == {}
    assert {seen.method for seen in peer.requests} == {"GET"}


@pytest.mark.parametrize("by_hand", ["active", "cancelled"])
async def test_a_change_by_hand_is_reported_once_and_stays(
    process: Process, make: Callable[[], Process], peer: ArmPeer, by_hand: str
) -> None:
    await process.run(sub_1=BLOCK)
    put_subscription(peer, "sub-1", by_hand)
    assert await process.run(sub_1=BLOCK) == [("sub-1", Action.REPORT)]
    assert process.alerts.messages == [
        f"subscription sub-1: suspended by us, and {by_hand} by hand since: left as it is"
    ]
    other = make()
    assert await other.run(sub_1=BLOCK) == await process.run(sub_1=BLOCK) == []
    assert other.alerts.messages == []
    assert state_of(peer, "sub-1") == by_hand

    put_subscription(peer, "sub-1", "suspended")
    assert await process.run(sub_1=UNBLOCK) == [("sub-1", Action.FORGET)]
    assert state_of(peer, "sub-1") == "suspended"
    assert await process.held() == {}


async def test_what_another_process_gave_back_meanwhile_is_no_change_by_hand(
    process: Process, make: Callable[[], Process], peer: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    other, late = make(), make()

    async def give_back() -> None:
        assert await other.run(sub_1=UNBLOCK) == [("sub-1", Action.REACTIVATE)]

    late.steps.after[0] = give_back
    late.wanted.states = {"sub-1": BLOCK}
    (outcome,), _ = await late.reconcile.run()
    assert outcome.failure == "somebody else was first"
    assert late.alerts.messages == []
    assert (state_of(peer, "sub-1"), await late.held()) == ("active", {})


async def test_the_next_block_after_a_change_by_hand_holds_again(
    process: Process, peer: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    put_subscription(peer, "sub-1")
    await process.run(sub_1=BLOCK)
    await process.run(sub_1=UNBLOCK)
    assert await process.run(sub_1=BLOCK) == [("sub-1", Action.SUSPEND)]
    assert state_of(peer, "sub-1") == "suspended"


async def test_a_deleted_subscription_is_forgotten_and_no_error(
    process: Process, peer: ArmPeer
) -> None:
    await process.run(sub_1=BLOCK)
    peer.clear()
    put_service(peer)
    assert await process.run(sub_1=BLOCK) == [("sub-1", Action.FORGET)]
    assert await process.run(sub_1=BLOCK, app=BLOCK) == []
    assert await process.held() == {}


async def test_a_wrong_service_forgets_nobody(process: Process, peer: ArmPeer) -> None:
    await process.run(sub_1=BLOCK)
    peer.clear()
    with pytest.raises(ConfigurationError, match="METERING_APIM_SERVICE"):
        await process.run(sub_1=BLOCK)
    assert await process.held() == {"sub-1": Phase.SUSPENDED}


async def test_a_fault_of_one_is_in_its_outcome_and_holds_up_no_other(
    process: Process, peer: ArmPeer
) -> None:
    peer.faults.append(Fault(409, path="sub-1"))
    process.wanted.states = {"sub-1": BLOCK, "sub-2": BLOCK}
    outcomes, left = await process.reconcile.run()
    assert left == 0
    assert outcomes == (
        Outcome("sub-1", Action.LEAVE, BLOCK.reason, outcomes[0].failure),
        Outcome("sub-2", Action.SUSPEND, BLOCK.reason),
    )
    assert "status 409" in outcomes[0].failure
    assert state_of(peer, "sub-2") == "suspended"
    assert await process.run(sub_1=BLOCK, sub_2=BLOCK) == [("sub-1", Action.SUSPEND)]


async def test_a_permission_that_lacks_raises(process: Process, peer: ArmPeer) -> None:
    peer.faults.append(Fault(403))
    with pytest.raises(ConfigurationError, match="subscriptions/read and /write"):
        await process.run(sub_1=BLOCK)


async def test_without_what_is_wanted_nothing_is_done(process: Process, peer: ArmPeer) -> None:
    await process.run(sub_1=BLOCK)
    peer.requests.clear()
    process.wanted.faults.append(RetryableError("heads cannot be read"))
    with pytest.raises(RetryableError):
        await process.run()
    assert peer.requests == []
    assert await process.held() == {"sub-1": Phase.SUSPENDED}


async def test_those_to_be_given_back_come_first_then_the_new_ones_then_the_rest(
    process: Process, peer: ArmPeer
) -> None:
    for name in ("a", "b", "c"):
        put_subscription(peer, name)
    await process.run(a=BLOCK, c=BLOCK)
    peer.requests.clear()
    await process.run(a=BLOCK, b=BLOCK)
    reads = [seen.path.rpartition("/")[2] for seen in peer.requests if seen.method == "GET"]
    assert reads == ["c", "b", "a"]


async def test_what_was_wanted_long_ago_is_not_acted_upon(process: Process, peer: ArmPeer) -> None:
    async def take_long() -> None:
        process.clock.set(NOW + MAX_AGE)

    # The second step reads the state of the first subscription.
    process.steps.after[1] = take_long
    process.wanted.states = {"sub-1": BLOCK, "sub-2": BLOCK}
    outcomes, left = await process.reconcile.run()
    assert ([one.subscription for one in outcomes], left) == (["sub-1"], 1)
    assert state_of(peer, "sub-2") == "active"


async def test_what_is_begun_and_not_done_for_long_is_told(process: Process, peer: ArmPeer) -> None:
    await process.run(sub_1=BLOCK)
    for minute in range(0, 20, 5):
        # Reading works, changing does not.
        process.clock.set(NOW + minute * MINUTE)
        process.wanted.states = {}
        put_after_read(process, peer)
        outcomes, _ = await process.reconcile.run()
        assert outcomes[0].failure
        assert outcomes[0].action is Action.REACTIVATE
        process.clock.set(process.clock.now() + MINUTE)
        assert await process.run() == []
    assert STUCK_AFTER == 3 * KEEP_AWAY
    assert process.alerts.messages == ["subscription sub-1: reactivating for long, and not done"]
    process.clock.set(NOW + 20 * MINUTE)
    assert await process.run() == [("sub-1", Action.REACTIVATE)]
    assert state_of(peer, "sub-1") == "active"


def put_after_read(process: Process, peer: ArmPeer) -> None:
    """Let the next change fail, after the reading that comes before it."""

    async def fail() -> None:
        peer.faults.append(Fault(409, path="sub-1"))

    # Steps of this run: list, read.
    process.steps.after[len(process.steps.names) + 1] = fail


async def test_it_is_wired_only_where_a_service_is_named(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    assert App(Settings(store)).reconcile_suspensions(Wanted()) is None
    service = read_settings({"METERING_APIM_SERVICE": SERVICE_ID}).apim_service
    app = App(Settings(store, apim_service=service))
    made = app.reconcile_suspensions(Wanted())
    assert made is not None
    assert await made.run() == ((), 0)
    await app.close()
