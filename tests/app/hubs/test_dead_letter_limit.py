"""The limit of dead letters: what is beyond is counted, told once, and takes no other's share."""

from typing import Any

import pytest

from metering.app.hubs.batch import Message, dead_letter_of
from metering.app.hubs.dead_letter_limit import LimitedDeadLetters
from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import HOUR
from metering.ports import DeadLetter
from tests.builders import NOW, body

type System = Any


def letters(
    number: int, source: str, subject: str = "sub-1", code: Code = Code.TOO_OLD, at: int = NOW
) -> list[DeadLetter]:
    bodies = [body(id=f"{n}", source=source, subject=subject) for n in range(number)]
    why = RejectedEvent(code, "why")
    return [dead_letter_of("usage", Message(one, "0", 0), at, why) for one in bodies]


@pytest.fixture
def limited(system: System) -> LimitedDeadLetters:
    return LimitedDeadLetters(store=system.dead_letters, alerts=system.alerts, an_hour=2)


async def counts(limited: LimitedDeadLetters) -> tuple[int, int]:
    found = await limited.count_dead_letters()
    return sum(found.kept.values()), sum(found.not_kept.values())


async def test_of_what_is_beyond_the_limit_a_count_is_kept(
    system: System, limited: LimitedDeadLetters
) -> None:
    await limited.put(letters(5, "/a"))
    assert await counts(limited) == (2, 3)
    (told,) = system.alerts.messages
    assert "dead letters: 2 of source '/a' in this hour are kept" in told
    await limited.put(letters(7, "/a")[5:])
    assert (await counts(limited), len(system.alerts.messages)) == ((2, 5), 1)


async def test_a_batch_that_comes_again_takes_no_share_and_counts_nothing_that_is_kept_twice(
    limited: LimitedDeadLetters,
) -> None:
    for _ in range(3):
        await limited.put(letters(2, "/a"))
    assert await counts(limited) == (2, 0)


async def test_another_hour_has_a_share_of_its_own(limited: LimitedDeadLetters) -> None:
    await limited.put(letters(3, "/a"))
    await limited.put(letters(6, "/a", at=NOW + HOUR)[3:])
    assert await counts(limited) == (4, 2)


async def test_a_sender_uses_up_no_share_but_its_own(limited: LimitedDeadLetters) -> None:
    await limited.put(letters(50, "/a", "hostile"))
    await limited.put(letters(2, "/a", "ordinary"))
    await limited.put(letters(2, "/b", "hostile"))
    assert await counts(limited) == (6, 48)


async def test_made_up_subjects_and_sources_are_no_way_around_the_limit(
    limited: LimitedDeadLetters,
) -> None:
    """2 of a subject, 20 of a source, 200 in all."""
    for n in range(30):
        await limited.put(letters(2, "/a", f"made-up-{n}"))
    assert await counts(limited) == (20, 40)
    for n in range(300):
        await limited.put(letters(1, f"/made-up/{n}"))
    assert await counts(limited) == (200, 160)


async def test_what_waits_for_a_repair_is_always_kept(limited: LimitedDeadLetters) -> None:
    await limited.put(letters(5, "/a", code=Code.LEDGER_STOPPED))
    await limited.put(letters(9, "/a")[5:])
    assert await counts(limited) == (7, 2)


async def test_the_limit_can_be_turned_off(limited: LimitedDeadLetters) -> None:
    limited.an_hour = None
    await limited.put(letters(5, "/a"))
    assert await counts(limited) == (5, 0)


async def test_letters_that_are_replayed_and_rejected_again_are_not_counted_as_lost(
    system: System,
) -> None:
    system.letters.store.an_hour = None
    await system.letters.store.put(letters(5, "/a", subject="x"))
    system.letters.store.an_hour = 2
    system.app.tenancy.automatic = False
    found = await system.letters.latest(10)
    await system.letters.replay(found)
    counted = await system.letters.counts()
    assert (sum(counted.kept.values()), counted.not_kept) == (5, {})


async def test_what_is_only_counted_can_be_counted_through_the_limit(
    limited: LimitedDeadLetters,
) -> None:
    await limited.count_only({"not_json": 3}, NOW)
    assert await counts(limited) == (0, 3)
