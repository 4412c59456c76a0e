"""Waits at the end of batches: after the work, by source, and over as soon as the host stops."""

import asyncio
from typing import Final

import pytest

from metering.app.hubs import batch_waits
from metering.app.hubs.batch_waits import BatchWaits, Source
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import SECOND

PARTITION: Final[Source] = ("ingest_usage", "0")
OTHER: Final[Source] = ("ingest_usage", "1")
#: Longer than a test may take.
LONG: Final = 3_600 * SECOND


async def take_in(waits: BatchWaits, source: Source = PARTITION, events: int = 1) -> None:
    async with waits.around(source, events):
        pass


async def is_over(task: asyncio.Task[None]) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_the_second_batch_of_a_busy_partition_is_waited_after_until_the_host_stops() -> None:
    waits = BatchWaits(longest=LONG)
    await take_in(waits)
    done: list[str] = []

    async def second() -> None:
        async with waits.around(PARTITION, 1):
            done.append("counted")

    waiting = asyncio.create_task(second())
    assert not await is_over(waiting)
    # The work is done before the wait, and other partitions go on.
    assert done == ["counted"]
    await take_in(waits, OTHER)
    waits.end()
    async with asyncio.timeout(10):
        await waiting
        await take_in(waits)


async def test_a_wait_ends_by_itself() -> None:
    waits = BatchWaits(longest=SECOND // 20)
    for _ in range(3):
        await take_in(waits)


@pytest.mark.parametrize(("longest", "events"), [(0, 1), (LONG, 200)])
async def test_without_a_wait_or_after_a_large_batch_nothing_is_waited_for(
    longest: int, events: int
) -> None:
    waits = BatchWaits(longest=longest)
    for _ in range(3):
        await take_in(waits, events=events)


async def test_a_batch_that_failed_is_tried_again_at_once_and_fails_as_it_did() -> None:
    waits = BatchWaits(longest=LONG)
    await take_in(waits)
    with pytest.raises(RetryableError, match="down"):
        async with waits.around(PARTITION, 1):
            raise RetryableError("down")


async def test_sources_that_a_process_has_given_up_do_not_fill_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_waits, "_MOST_SOURCES", 2)
    waits = BatchWaits(longest=LONG)
    for number in range(5):
        await take_in(waits, ("ingest_usage", str(number)))
        assert len(waits._last) <= 2  # noqa: SLF001, the bound is not to be seen otherwise
