"""EffectStore: what commits left to be told, each once, until somebody has settled it."""

from collections.abc import Callable

import pytest

from metering.bootstrap import Stores
from metering.core.basics.errors import HeadMovedError
from metering.core.basics.instants import MINUTE
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import SLOT, LedgerId, month_of, slot_of
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.effect import Effect
from metering.core.ledger.head import Head
from metering.ports import StoredEffect
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
OTHER = LedgerId("zeta", LEDGER.start)
RATE = rating()


async def commit(
    stores: Stores, *models: str | None, ledger: LedgerId = LEDGER, now: int = NOW
) -> tuple[Effect, ...]:
    """Commit one request of each model to a new ledger."""
    usages = [usage(f"r-{n}", model=model) for n, model in enumerate(models)]
    done = plan_commit(Head(ledger), {}, usages, RATE, now)
    await stores.ledgers.commit(done)
    return done.effects


async def due(stores: Stores, now: int = NOW, limit: int = 10) -> list[Effect]:
    return [stored.effect for stored in await stores.effects.due(now, limit)]


async def test_an_effect_reads_back_the_same_in_every_process_and_is_due_at_once(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    first, second = await commit(stores, "gpt-\u2028ü\x7f'", None)
    expected = [StoredEffect(first, NOW), StoredEffect(second, NOW)]
    assert sorted(await make_stores().effects.due(NOW, 10)) == expected
    assert await stores.effects.due(NOW - 1, 10) == []
    assert await stores.effects.parked(10) == []


async def test_a_commit_that_is_refused_leaves_no_effect(stores: Stores) -> None:
    (effect,) = await commit(stores, "x")
    late = plan_commit(Head(LEDGER), {}, [usage("late", model="y")], RATE, NOW)
    with pytest.raises(HeadMovedError):
        await stores.ledgers.commit(late)
    assert await due(stores) == [effect]


async def test_commits_with_effects_follow_each_other(stores: Stores) -> None:
    head = Head(LEDGER)
    for number, model in enumerate(["x", "y", "gpt-4o"]):
        times = (AT, AT + SLOT)
        usages = [usage(f"{number}-{t}", model=model, time=t) for t in times]
        done = plan_commit(head, {}, usages, RATE, NOW)
        await stores.ledgers.commit(done)
        head = done.head
        stored = await stores.ledgers.read_head(LEDGER)
        assert stored is not None
        assert stored.head == head
    assert [effect.page for effect in await due(stores)] == [2, 4]


async def test_effects_are_no_part_of_what_is_read_of_a_ledger(stores: Stores) -> None:
    await commit(stores, "x", "y", "z")
    assert [page.number async for page in stores.ledgers.pages(LEDGER)] == [1]
    slots = [slot_of(AT), 0]
    assert [page.number for page in await stores.ledgers.read_slots(LEDGER, slots)] == [1]
    assert await stores.ledgers.ledgers() == [LEDGER]


async def test_a_commit_of_duplicates_alone_leaves_the_effects(stores: Stores) -> None:
    done = plan_commit(Head(LEDGER), {}, [usage(model="x")], RATE, NOW)
    await stores.ledgers.commit(done)
    known = {slot_of(AT): {usage(model="x").key: (done.pages[0], 0)}}
    await stores.ledgers.commit(plan_commit(done.head, known, [usage(model="x")], RATE, NOW))
    assert await due(stores) == list(done.effects)


async def test_the_oldest_due_come_first_over_all_ledgers(stores: Stores) -> None:
    (young,) = await commit(stores, "x", now=NOW + 2)
    (old,) = await commit(stores, "x", ledger=OTHER, now=NOW)
    assert await due(stores, NOW + 2) == [old, young]
    assert await due(stores, NOW + 2, limit=1) == [old]
    assert await due(stores, NOW + 1) == [old]
    await stores.effects.postpone(old, NOW + 3, "later")
    assert await due(stores, FOREVER) == [young, old]


async def test_a_settled_effect_is_never_due_again_whatever_comes_after(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    effect, left = await commit(stores, "x", "y")
    other = make_stores().effects
    for _ in range(2):
        await stores.effects.settle(effect, NOW + 1)
        await other.postpone(effect, NOW, "too late")
        await other.park(effect, "too late")
        assert await due(stores, FOREVER) == [left]
        assert await stores.effects.parked(10) == []


async def test_a_postponed_effect_is_due_then_and_says_why(stores: Stores) -> None:
    (effect,) = await commit(stores, "x")
    await stores.effects.postpone(effect, NOW + MINUTE, "away")
    assert await due(stores, NOW + MINUTE - 1) == []
    found = await stores.effects.due(NOW + MINUTE, 10)
    assert found == [StoredEffect(effect, NOW + MINUTE, 1, "away")]
    await stores.effects.postpone(effect, NOW + 3 * MINUTE, "ü" * 1000)
    found = await stores.effects.due(FOREVER, 10)
    assert found == [StoredEffect(effect, NOW + 3 * MINUTE, 2, "ü" * 1000)]


async def test_a_parked_effect_is_seen_and_not_due(stores: Stores) -> None:
    (young,) = await commit(stores, "x", now=NOW + 2)
    (old,) = await commit(stores, "x", ledger=OTHER)
    for effect in (young, old):
        await stores.effects.park(effect, "gone")
    assert await due(stores, FOREVER) == []
    parked = [StoredEffect(effect, None, 1, "gone") for effect in (old, young)]
    assert await stores.effects.parked(10) == parked
    assert await stores.effects.parked(1) == parked[:1]


async def test_a_parked_effect_can_be_made_due_again_or_settled(stores: Stores) -> None:
    (one,) = await commit(stores, "x")
    (two,) = await commit(stores, "x", ledger=OTHER)
    for effect in (one, two):
        await stores.effects.park(effect, "gone")
    await stores.effects.postpone(one, NOW, "gone")
    await stores.effects.settle(two, NOW)
    assert await due(stores) == [one]
    assert await stores.effects.parked(10) == []


async def test_an_effect_that_is_not_there_is_no_error(stores: Stores) -> None:
    (effect,) = await commit(stores, "x")
    absent = effect._replace(page=9)
    await stores.effects.settle(absent, NOW)
    await stores.effects.postpone(absent, NOW, "why")
    await stores.effects.park(absent, "why")
    assert await due(stores) == [effect]


async def test_a_ledgers_effects_are_listed_newest_first_delivered_or_not(
    stores: Stores,
) -> None:
    effects = await commit(stores, "x", "y", "z")
    await commit(stores, "x", ledger=OTHER)
    await stores.effects.settle(effects[0], NOW)
    await stores.effects.park(effects[1], "no")
    assert await stores.effects.effects_of(LEDGER, 9) == list(reversed(effects))
    assert await stores.effects.effects_of(LEDGER, 1) == [effects[-1]]
    assert await stores.effects.effects_of(LedgerId("nobody", LEDGER.start), 9) == []
