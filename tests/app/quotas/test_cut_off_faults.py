"""The cut-off while clocks jump, timers stand still and instances do the same thing at once."""

import asyncio
from collections.abc import Callable
from typing import Any

from metering.app.ingest.ingest import Message, Tally
from metering.app.quotas.desired_states import QuotasWantSuspended
from metering.core.basics.instants import DAY, HOUR, MINUTE
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.effect import Effect, EffectKind
from metering.core.plans.plan import read_plan
from metering.core.quotas.admission import Admitted
from metering.core.quotas.decision import Verdict
from tests.builders import AT, NOW, body, price_file

type System = Any

CAP = {"metric": "requests", "window": "day", "limit": "2", "thresholds": [50, 100]}
LEDGER = LedgerId("acme", month_of(AT).start)


async def capped(system: System) -> None:
    """Put acme on two requests a day from the beginning."""
    written = {"id": "capped", "quotas": [{**CAP, "action": "block"}], "suspend": True}
    await system.tenancy.define_plan(read_plan("p", written), None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def ingest(system: System, *names: str, **changes: Any) -> None:
    messages = [Message(body(id=name, **changes), "0", n) for n, name in enumerate(names)]
    await system.ingest.batch(messages)


async def suspended(system: System) -> set[str]:
    wanted = QuotasWantSuspended(
        before=system.app.ledgers_before,
        accruals=system.app.accruals,
        ledgers=system.store,
        suspensions=system.suspensions,
        tenancy=system.tenancy,
        alerts=system.alerts,
    )
    return set(await wanted.desired_states(system.clock.now()))


def verdict(found: Admitted) -> str:
    return found.overall.verdict


async def test_a_clock_that_is_set_back_makes_no_verdict_last_longer(system: System) -> None:
    await capped(system)
    asked = system.admission()
    system.clock.set(NOW + HOUR)
    assert verdict(await asked.of("sub-1")) == Verdict.ALLOW
    system.clock.set(NOW)
    await ingest(system, "r-1", "r-2")
    assert verdict(await asked.of("sub-1")) == Verdict.BLOCK


async def test_a_clock_that_is_set_ahead_and_back_finds_the_window_as_it_was(
    system: System,
) -> None:
    await capped(system)
    await ingest(system, "r-1", "r-2")
    asked = system.admission()
    system.clock.set(NOW + DAY)
    assert verdict(await asked.of("sub-1")) == Verdict.ALLOW
    # What is counted meanwhile is counted by its own time, and the window is kept for a day.
    await ingest(system, "r-3")
    system.clock.set(NOW)
    assert verdict(await asked.of("sub-1")) == Verdict.BLOCK
    assert await suspended(system) == {"sub-1"}
    stored = await system.store.read_head(LEDGER)
    assert [counter.used for counter in stored.head.counts.used.values()] == [3]


async def test_a_ledger_that_was_written_by_clocks_that_jump_is_sound(system: System) -> None:
    await capped(system)
    for name, jump in [("r-1", 0), ("r-2", HOUR), ("r-3", -HOUR), ("r-4", 3 * DAY), ("r-5", 0)]:
        system.clock.set(NOW + jump)
        await ingest(system, name)
    # To a clock that is an hour behind, an event of now lies in the future: it waits for a replay.
    assert (await system.letters.counts()).kept == {"in_future": 1}
    assert await system.letters.replay(await system.letters.latest(10)) == Tally(accepted=1)
    done = await system.verify.one(LEDGER)
    assert (done.faults, done.entries) == ((), 5)


async def test_with_the_timers_down_for_an_hour_the_limit_holds_all_the_same(
    system: System,
) -> None:
    await capped(system)
    await ingest(system, "r-1", "r-2")
    system.clock.set(NOW + HOUR)
    assert verdict(await system.admission().of("sub-1")) == Verdict.BLOCK
    assert system.notifier.effects == []
    # Back again, they tell what was crossed, once, and want what is so now.
    assert await system.deliver.run() == 2
    assert await system.enforce.run() == 0
    assert await system.deliver.run() == 0
    assert [effect.kind for effect in system.notifier.effects] == [EffectKind.QUOTA] * 2
    assert await suspended(system) == {"sub-1"}


async def test_timers_that_come_back_in_a_new_window_stop_nobody_for_the_old_one(
    system: System,
) -> None:
    await capped(system)
    await ingest(system, "r-1", "r-2")
    system.clock.set(NOW + DAY)
    assert await system.deliver.run() == 2
    assert await suspended(system) == set()
    assert verdict(await system.admission().of("sub-1")) == Verdict.ALLOW


async def test_two_instances_that_tell_at_once_tell_the_same_keys_and_leave_none(
    system: System, make_system: Callable[..., System]
) -> None:
    await capped(system)
    await ingest(system, "r-1", "r-2")
    other = make_system()
    both = asyncio.Barrier(2)
    for one in (system, other):
        one.notifier.notify = meeting(both, one.notifier.effects)
    assert sum(await asyncio.gather(system.deliver.run(), other.deliver.run())) == 4
    keys = [[effect.key for effect in one.notifier.effects] for one in (system, other)]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 2
    system.clock.set(NOW + MINUTE)
    assert await system.deliver.waiting(10) == []


def meeting(both: asyncio.Barrier, told: list[Effect]) -> Callable[[Effect], Any]:
    """Return a receiver that answers neither instance before the other has called too."""

    async def notify(effect: Effect) -> None:
        await both.wait()
        told.append(effect)

    return notify


async def test_quotas_that_overlap_each_count_and_the_strictest_decides(system: System) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    by_model = {**CAP, "scope": {"model": "gpt-4o"}}
    quotas = [
        {**CAP, "limit": "3", "action": "block"},
        {**by_model, "limit": "2", "action": {"downgrade": "mini"}},
        {**by_model, "limit": "2", "metric": "output", "action": "notify"},
    ]
    plan = read_plan("p", {"id": "capped", "quotas": quotas})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    await ingest(system, "r-1", "r-2")
    found = await system.admission().of("sub-1")
    assert (verdict(found), found.models["gpt-4o"].verdict) == ("allow", "downgrade")
    await ingest(system, "r-3")
    found = await system.admission().of("sub-1")
    assert verdict(found) == "block"
    # 3 requests twice, and 3 x 100 tokens of output
    stored = await system.store.read_head(LEDGER)
    assert sorted(counter.used for counter in stored.head.counts.used.values()) == [3, 3, 300]
