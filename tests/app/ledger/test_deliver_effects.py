"""Delivery of effects: at least once, put off when it fails, given up in the end and seen."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.ledger.deliver_effects import MAX_EFFECTS
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import HOUR, MINUTE
from metering.core.ledger.effect import MAX_ATTEMPTS
from tests.builders import NOW, body

type System = Any


async def ingest(system: System, *models: str, subject: str = "sub-1") -> None:
    messages = [
        Message(body(id=f"r-{model}", data__model=model, subject=subject), "0", n)
        for n, model in enumerate(models)
    ]
    await system.ingest.batch(messages)


def told(system: System) -> list[str]:
    return [effect.detail for effect in system.notifier.effects]


async def test_an_effect_is_delivered_once_and_is_due_no_more(system: System) -> None:
    await ingest(system, "x", "y")
    assert await system.deliver.run() == 2
    assert await system.deliver.run() == 0
    assert told(system) == ["x", "y"]
    assert await system.deliver.waiting(10) == []


async def test_the_same_batch_again_tells_nothing_again(
    system: System, make_system: Callable[..., System]
) -> None:
    await ingest(system, "x")
    await system.deliver.run()
    other = make_system()
    await ingest(other, "x")
    assert await other.deliver.run() == 0


async def test_one_that_fails_is_put_off_and_holds_up_no_other(system: System) -> None:
    await ingest(system, "x", "y")
    system.notifier.faults.append(RetryableError("the receiver is away"))
    assert await system.deliver.run() == 1
    assert told(system) == ["y"]
    (waiting,) = await system.deliver.waiting(10)
    assert (waiting.due, waiting.attempts) == (NOW + MINUTE, 1)
    assert waiting.failure == "the receiver is away"
    system.clock.set(NOW + MINUTE - 1)
    assert await system.deliver.run() == 0
    system.clock.set(NOW + MINUTE)
    assert await system.deliver.run() == 1
    assert told(system) == ["y", "x"]


async def test_a_crash_between_telling_and_its_mark_tells_again_with_the_same_key(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(system, "x")

    async def crash(*_: object) -> None:
        raise RetryableError("crash")

    with monkeypatch.context() as broken:
        broken.setattr(system.effects, "settle", crash)
        with pytest.raises(RetryableError):
            await system.deliver.run()
    other = make_system()
    assert await other.deliver.run() == 1
    assert [effect.key for effect in other.notifier.effects] == [
        effect.key for effect in system.notifier.effects
    ]
    assert await system.deliver.run() == 0


async def give_up(system: System) -> None:
    for attempt in range(MAX_ATTEMPTS):
        system.clock.set(NOW + attempt * HOUR)
        system.notifier.faults.append(RetryableError("gone"))
        assert await system.deliver.run() == 0


async def test_one_that_keeps_failing_is_given_up_with_an_alert(system: System) -> None:
    await ingest(system, "x")
    await give_up(system)
    assert system.notifier.faults == []
    (alert,) = system.alerts.messages
    assert alert == (
        "effect sub-1|2026-11-01T00:00:00Z/effect-00000001-0 was given up after 12 attempts"
        " (gone): sub-1|2026-11-01T00:00:00Z: usage of model 'x' has no price"
    )
    assert await system.deliver.run() == 0
    assert await system.deliver.waiting(10) == []
    (parked,) = await system.deliver.parked(10)
    assert (parked.due, parked.attempts, parked.failure) == (None, MAX_ATTEMPTS, "gone")


async def test_what_was_given_up_can_be_tried_once_more(system: System) -> None:
    await ingest(system, "x")
    await give_up(system)
    assert await system.deliver.retry_parked() == 1
    system.notifier.faults.append(RetryableError("still gone"))
    assert await system.deliver.run() == 0
    (parked,) = await system.deliver.parked(10)
    assert parked.failure == "still gone"
    await system.deliver.retry_parked()
    assert await system.deliver.run() == 1
    assert await system.deliver.parked(10) == []
    assert await system.deliver.retry_parked() == 0


async def test_one_run_takes_a_bounded_number_and_the_next_the_rest(system: System) -> None:
    models = [f"m-{n}" for n in range(MAX_EFFECTS + 1)]
    for first in range(0, len(models), 200):
        await ingest(system, *models[first : first + 200], subject=f"sub-{first}")
    assert await system.deliver.run() == MAX_EFFECTS
    assert await system.deliver.run() == 1
    assert sorted(told(system)) == sorted(models)


async def test_a_batch_says_how_much_there_is_to_tell(system: System) -> None:
    tally = await system.ingest.batch([Message(body(data__model="x"), "0", 0)])
    assert tally.effects == 1
    again = await system.ingest.batch([Message(body(data__model="x"), "0", 0)])
    assert again.effects == 0


async def test_what_a_batch_asks_for_is_told_at_once(system: System) -> None:
    await ingest(system, "x")
    await system.deliver.at_once()
    assert told(system) == ["x"]


async def test_a_store_that_fails_then_leaves_it_to_the_timer(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(system, "x")

    async def crash(*_: object) -> None:
        raise RetryableError("crash")

    with monkeypatch.context() as broken:
        broken.setattr(system.effects, "due", crash)
        await system.deliver.at_once()
    assert told(system) == []
    assert await system.deliver.run() == 1


async def test_a_receiver_that_takes_its_time_does_not_hold_up_the_batch(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(system, "x")
    monkeypatch.setattr("metering.app.ledger.deliver_effects.AT_ONCE_S", 0.01)

    async def wait(*_: object) -> None:
        await asyncio.sleep(5)

    with monkeypatch.context() as broken:
        broken.setattr(system.notifier, "notify", wait)
        await system.deliver.at_once()
    assert await system.deliver.run() == 1
