"""Suspension under faults: a crash at any step, with another process in the middle of it or not.

Whatever happened, the next runs bring about what is wanted; nobody stays suspended by us for ever,
and what somebody else suspended stays so.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import combinations, product
from pathlib import Path
from typing import NamedTuple

import pytest

from metering.adapters.sqlite.database import Database
from metering.bootstrap import sqlite_stores
from metering.core.quotas.suspension import KEEP_AWAY, Action, Desired, Phase
from tests.app.suspending import BLOCK, UNBLOCK, Crash, Process, Steps
from tests.builders import NOW
from tests.doubles.arm import ArmPeer
from tests.doubles.arm.api_management import put_service, put_subscription, state_of
from tests.systems import MovableClock

#: List, read, mark, change, and note that it is done or remove the record.
STEPS = range(5)
#: Around each step: what befalls before it was done, and what after.
PLACES = list(product(STEPS, ("before", "after")))


class World(NamedTuple):
    """One gateway, one store, one clock, two processes."""

    peer: ArmPeer
    clock: MovableClock
    one: Process
    other: Process

    async def begin(self, *, suspended: bool) -> None:
        """Start over with a subscription that is active, or suspended by us."""
        for stored in await self.one.store.list_suspensions():
            await self.one.store.remove_suspension(stored.suspension.subscription, stored.etag)
        self.clock.set(NOW)
        put_subscription(self.peer, "sub-1")
        self.restart()
        if suspended:
            await self.one.run(sub_1=BLOCK)
            self.restart()

    def restart(self) -> None:
        """Let both processes begin to count their steps, with no fault ordered."""
        for process in (self.one, self.other):
            for steps in (process.steps.names, process.steps.before, process.steps.after):
                steps.clear()
            process.alerts.messages.clear()

    async def settle(self, wanted: Desired) -> None:
        """Run as the timer would, with what is wanted from now on, and hold the end to it."""
        self.restart()
        await self.other.run(sub_1=wanted)
        for _ in range(2):
            self.clock.set(self.clock.now() + KEEP_AWAY)
            await self.other.run(sub_1=wanted)
        assert state_of(self.peer, "sub-1") == ("suspended" if wanted is BLOCK else "active")
        assert await self.one.held() == ({"sub-1": Phase.SUSPENDED} if wanted is BLOCK else {})
        assert await self.other.run(sub_1=wanted) == []
        assert self.other.alerts.messages == []


@pytest.fixture(scope="module")
def peer() -> Iterator[ArmPeer]:
    with ArmPeer() as made:
        put_service(made)
        yield made


@pytest.fixture
async def world(peer: ArmPeer, tmp_path: Path) -> AsyncIterator[World]:
    clock = MovableClock(NOW)
    databases = [Database(tmp_path / "store.db") for _ in range(2)]
    one, other = (
        Process(peer.url, sqlite_stores(database).suspensions, clock) for database in databases
    )
    yield World(peer, clock, one, other)
    for process, database in zip((one, other), databases, strict=True):
        await process.gate.close()
        await database.close()


def order(steps: Steps, place: tuple[int, str], what: Callable[[], Awaitable[object]]) -> None:
    """Let something befall a process at a place."""

    async def befall() -> None:
        await what()

    number, side = place
    (steps.before if side == "before" else steps.after)[number] = befall


async def crash() -> None:
    raise Crash


async def run_and_crash(process: Process, wanted: Desired) -> bool:
    """Say whether it crashed: the place may lie beyond the last step."""
    try:
        await process.run(sub_1=wanted)
    except Crash:
        return True
    return False


@pytest.mark.parametrize(("suspended", "later"), list(product([False, True], [BLOCK, UNBLOCK])))
async def test_a_crash_at_any_step_is_made_good_whatever_is_wanted_by_then(
    world: World, *, suspended: bool, later: Desired
) -> None:
    for place in PLACES:
        await world.begin(suspended=suspended)
        order(world.one.steps, place, crash)
        assert await run_and_crash(world.one, UNBLOCK if suspended else BLOCK), place
        await world.settle(later)


@pytest.mark.parametrize(("suspended", "later"), list(product([False, True], [BLOCK, UNBLOCK])))
async def test_another_process_in_the_middle_does_no_harm(
    world: World, *, suspended: bool, later: Desired
) -> None:
    for place in PLACES:
        for meanwhile in (BLOCK, UNBLOCK):
            await world.begin(suspended=suspended)

            async def run_other(wanted: Desired = meanwhile) -> None:
                await world.other.run(sub_1=wanted)

            order(world.one.steps, place, run_other)
            await world.one.run(sub_1=UNBLOCK if suspended else BLOCK)
            await world.settle(later)


@pytest.mark.parametrize("suspended", [False, True])
async def test_neither_does_a_crash_after_another_process_was_in_the_middle(
    world: World, *, suspended: bool
) -> None:
    crashes = 0
    for first, second in combinations(PLACES, 2):
        await world.begin(suspended=suspended)
        first_wish, meanwhile = (UNBLOCK, BLOCK) if suspended else (BLOCK, UNBLOCK)

        async def run_other(wanted: Desired = meanwhile) -> None:
            await world.other.run(sub_1=wanted)

        order(world.one.steps, first, run_other)
        order(world.one.steps, second, crash)
        crashes += await run_and_crash(world.one, first_wish)
        await world.settle(meanwhile)
    assert crashes > len(PLACES)


@pytest.mark.parametrize(("wanted", "later"), list(product([BLOCK, UNBLOCK], [BLOCK, UNBLOCK])))
async def test_what_somebody_else_suspended_stays_so_through_every_crash(
    world: World, wanted: Desired, later: Desired
) -> None:
    for place in PLACES:
        await world.begin(suspended=False)
        put_subscription(world.peer, "sub-1", "suspended")
        order(world.one.steps, place, crash)
        await run_and_crash(world.one, wanted)
        for _ in range(3):
            world.restart()
            await world.other.run(sub_1=later)
            world.clock.set(world.clock.now() + KEEP_AWAY)
        assert await world.other.run(sub_1=UNBLOCK) == []
        assert state_of(world.peer, "sub-1") == "suspended"
        assert await world.one.held() == {}


async def test_who_was_taken_for_dead_and_suspends_after_all_owns_up_to_it(world: World) -> None:
    await world.begin(suspended=False)

    async def sleep_while_the_other_forgets() -> None:
        world.clock.set(NOW + KEEP_AWAY)
        assert await world.other.run(sub_1=UNBLOCK) == [("sub-1", Action.FORGET)]

    # List, read, mark: then the change.
    order(world.one.steps, (3, "before"), sleep_while_the_other_forgets)
    world.one.wanted.states = {"sub-1": BLOCK}
    (outcome,), _ = await world.one.reconcile.run()
    assert (outcome.action, outcome.failure) == (Action.SUSPEND, "another process was first")
    assert state_of(world.peer, "sub-1") == "suspended"
    await world.settle(UNBLOCK)


async def test_a_late_run_cannot_keep_a_new_window_suspended(world: World) -> None:
    await world.begin(suspended=False)

    async def turn_the_window() -> None:
        await world.other.run(sub_1=UNBLOCK)

    order(world.one.steps, (1, "after"), turn_the_window)
    await world.one.run(sub_1=BLOCK)
    assert state_of(world.peer, "sub-1") == "suspended"
    assert await world.other.run(sub_1=UNBLOCK) == [("sub-1", Action.REACTIVATE)]
    assert state_of(world.peer, "sub-1") == "active"
