"""One wrong clock: refused where the store tells the time, and set right by itself everywhere."""

from collections.abc import Awaitable, Callable

import pytest

from metering.adapters.clock import FixedClock
from metering.adapters.cosmos.answers import Answer, ClockWatch
from metering.core.basics.errors import ClockAheadError
from metering.core.basics.instants import DAY, HOUR, MINUTE, parse_instant
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.plans.plan import read_plan
from tests.app.bounds.test_sizes import ingest
from tests.builders import AT, NOW, body
from tests.systems import MovableClock, System

LEDGER = LedgerId("acme", month_of(AT).start)
QUOTA = {"metric": "requests", "window": "day", "limit": "3", "action": "block"}

type Make = Callable[..., Awaitable[System]]


async def limited(system: System) -> None:
    plan = read_plan("p", {"id": "capped", "quotas": [QUOTA]})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def used(system: System) -> int:
    stored = await system.store.read_head(LEDGER)
    assert stored is not None
    return sum(counter.used for counter in stored.head.counts.used.values())


async def test_counters_and_windows_come_back_with_the_next_commit(make_process: Make) -> None:
    right = await make_process(MovableClock(NOW))
    await limited(right)
    await ingest(right, *(body(id=f"r-{n}") for n in range(4)))
    ahead = await make_process(MovableClock(NOW + 3 * DAY))
    await ingest(ahead, *(body(id=f"a-{n}") for n in range(5)))
    verdict = await right.verify.one(LEDGER)
    assert "its time is 2026-11-23T12:00:00Z" in verdict.faults[0]
    fresh = await make_process(MovableClock(NOW + MINUTE))
    await ingest(fresh, body(id="last"))
    # 4 + 5 + 1 requests of the 20th: 10 of 3.
    assert await used(fresh) == 10
    assert (await fresh.admission().of("sub-1")).overall.verdict == "block"
    stored = await fresh.store.read_head(LEDGER)
    assert stored is not None
    assert stored.head.committed == NOW + MINUTE
    assert (await fresh.verify.one(LEDGER)).faults == ()


async def test_the_timer_sets_a_quiet_ledger_right(make_process: Make) -> None:
    right = await make_process(MovableClock(NOW))
    await limited(right)
    await ingest(right, *(body(id=f"r-{n}") for n in range(4)))
    await ingest(await make_process(MovableClock(NOW + 3 * DAY)), body(id="a-1"))
    fresh = await make_process(MovableClock(NOW + MINUTE))
    assert await fresh.enforce.run() == 1
    assert await used(fresh) == 5
    assert await fresh.enforce.run() == 0
    assert (await fresh.verify.one(LEDGER)).faults == ()


async def test_open_holds_come_back_too(make_process: Make) -> None:
    right = await make_process(MovableClock(NOW))
    await limited(right)
    pending = {"data__tokens": "pending", "data__usage": ..., "data__streamed": True}
    await ingest(right, body(id="s-1", **pending))
    await ingest(await make_process(MovableClock(NOW + 3 * DAY)), body(id="a-1"))
    fresh = await make_process(MovableClock(NOW + MINUTE))
    await ingest(fresh, body(id="r-1"), body(id="s-2", **pending))
    stored = await fresh.store.read_head(LEDGER)
    assert stored is not None
    assert sum(held.requests for held in stored.head.holds.values()) == 2
    assert (await fresh.verify.one(LEDGER)).faults == ()


async def test_less_than_an_hour_ahead_harms_nothing(make_process: Make) -> None:
    right = await make_process(MovableClock(NOW))
    await limited(right)
    await ingest(await make_process(MovableClock(NOW + HOUR)), body(id="a-1"))
    await ingest(right, body(id="r-1"))
    stored = await right.store.read_head(LEDGER)
    assert stored is not None
    assert stored.head.committed == NOW + HOUR
    assert (await right.verify.one(LEDGER)).faults == ()


@pytest.mark.parametrize("ahead", [301, 3 * 86_400])
def test_a_machine_ahead_of_the_store_is_named(ahead: int) -> None:
    at = parse_instant("2026-11-20T12:00:00Z")
    watch = ClockWatch(FixedClock(at + ahead * 1_000_000))
    watch.note(Answer(200, "ledgers", 1.0, "Fri, 20 Nov 2026 12:00:00 GMT"))
    with pytest.raises(ClockAheadError, match=f"is {ahead} s ahead of the store's, Fri, 20 Nov"):
        watch.must_be_right()
    watch.note(Answer(200, "ledgers", 1.0, "nonsense"))
    with pytest.raises(ClockAheadError):
        watch.must_be_right()


@pytest.mark.parametrize("ahead", [300, 0, -86_400])
def test_a_machine_that_is_right_or_behind_commits(ahead: int) -> None:
    at = parse_instant("2026-11-20T12:00:00Z")
    watch = ClockWatch(FixedClock(at + ahead * 1_000_000))
    watch.must_be_right()
    watch.note(Answer(200, "ledgers", 1.0, "Fri, 20 Nov 2026 12:00:00 GMT"))
    watch.must_be_right()


@pytest.mark.parametrize("kind", ["cosmos"], indirect=True)
async def test_no_commit_of_a_machine_ahead_is_written(make_process: Make) -> None:
    right = await make_process()
    await ingest(right, body(id="r-1"))
    account = right.store._ledgers._account  # type: ignore[attr-defined]  # noqa: SLF001
    account.clock_watch = ClockWatch(FixedClock(parse_instant("2100-01-01T00:00:00Z")))
    await right.store.read_page(LEDGER, 1)
    with pytest.raises(ClockAheadError, match="nothing was committed"):
        await ingest(right, body(id="r-2"))
    other = await make_process()
    assert (await ingest(other, body(id="r-2"))).accepted == 1
