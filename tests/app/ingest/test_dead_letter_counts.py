"""Counts and lists of dead letters: remembered for seconds, and without what is too old."""

from typing import Any

from metering.app.hubs.batch import Message
from metering.core.basics.instants import DAY, HOUR
from tests.builders import NOW

type System = Any


async def reject(system: System, *bodies: bytes) -> None:
    await system.ingest.batch([Message(one, "0", 0) for one in bodies])


async def test_counts_are_read_every_ten_seconds_and_after_every_change(system: System) -> None:
    now_s = 0.0
    system.letters.elapsed_s = lambda: now_s
    assert (await system.letters.counts()).kept == {}
    await reject(system, b"a", b"b")
    now_s = 9.9
    assert (await system.letters.counts()).kept == {}
    now_s = 10.0
    assert (await system.letters.counts()).kept == {"not_json": 2}
    found = await system.letters.latest(1)
    await system.letters.drop(found)
    assert (await system.letters.counts()).kept == {"not_json": 1}
    await system.letters.replay(await system.letters.latest(1))
    assert (await system.letters.counts()).kept == {"not_json": 1}


async def test_letters_are_deleted_after_ninety_days(system: System) -> None:
    await reject(system, b"a")
    system.clock.set(NOW + 90 * DAY)
    assert len(await system.letters.latest(10)) == 1
    # Looked for once an hour.
    system.clock.set(NOW + 90 * DAY + HOUR)
    assert await system.letters.latest(10) == []
    assert (await system.letters.counts()).kept == {}
