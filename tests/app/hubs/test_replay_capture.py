"""Replaying Capture: everything once more changes nothing, and one bad file stops no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metering.adapters.hubs.capture_folder import CaptureFolder
from metering.app.hubs import replay_capture as replay_module
from metering.app.hubs.batch import Tally
from metering.app.hubs.replay_capture import Gap, ReplayCapture
from metering.app.ingest.ingest import Message
from metering.core.basics.errors import Code, ConfigurationError, RetryableError
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of
from tests.builders import AT, body
from tests.capture_files import captured, name_of, write
from tests.gateway_logs import gateway_record, llm_record, log

type System = Any


def replaying(system: System, folder: Path, **changes: Any) -> ReplayCapture:
    hubs = {"usage": system.ingest, "gateway-logs": system.join}
    return ReplayCapture(source=CaptureFolder(folder), hubs=hubs, **changes)


async def head_of(system: System) -> Any:
    stored = await system.store.read_head(LedgerId("sub-1", month_of(AT).start))
    return stored.head


async def test_replaying_everything_changes_nothing(
    system: System, make_system: Callable[[], System], tmp_path: Path
) -> None:
    bodies = [body(id=f"r-{number}") for number in range(30)] + [b"nonsense"]
    await system.ingest.batch([Message(one, "0", n) for n, one in enumerate(bodies)])
    before = await head_of(system)
    letters = await system.dead_letters.list_dead_letters(10)
    for partition in range(3):
        content = captured(bodies[partition::3], first=100)
        write(tmp_path, name_of(partition, 1), content)
    fresh = make_system()
    replayed = replaying(fresh, tmp_path)
    await replayed.run()
    assert replayed.tally == Tally(duplicates=30, rejected={Code.NOT_JSON: 1})
    assert (replayed.files, replayed.events, replayed.damaged) == (3, 31, [])
    after = await head_of(fresh)
    assert (after.pages, after.last_hash, after.lines) == (
        before.pages,
        before.last_hash,
        before.lines,
    )
    assert await fresh.dead_letters.list_dead_letters(10) == letters


async def test_what_was_lost_is_counted(system: System, tmp_path: Path) -> None:
    write(tmp_path, name_of(0, 1), captured([body(), body(id="r-2")]))
    replayed = replaying(system, tmp_path)
    await replayed.run()
    assert replayed.tally == Tally(accepted=2)
    # two requests of 1,000 x 2.5 + 100 x 10 per million
    assert format_amount((await system.read.balance("sub-1", month_of(AT))).amount) == "0.007"


async def test_logs_go_to_where_logs_go(system: System, tmp_path: Path) -> None:
    content = captured([log(llm_record(), gateway_record())])
    write(tmp_path, name_of(0, 1, hub="gateway-logs"), content)
    replayed = replaying(system, tmp_path)
    await replayed.run()
    assert replayed.tally == Tally(accepted=2)
    assert (await system.count_streams.run()).recovering == 1


async def test_a_damaged_file_is_named_and_the_others_are_read(
    system: System, tmp_path: Path
) -> None:
    cut = captured([body(id=f"a-{number}") for number in range(4)], block=1)[:-60]
    bad = write(tmp_path, name_of(0, 1), cut)
    empty = write(tmp_path, name_of(0, 2), b"")
    write(tmp_path, name_of(0, 3), captured([body(id="last")], first=4))
    replayed = replaying(system, tmp_path)
    await replayed.run()
    assert [(one.name, one.events) for one in replayed.damaged] == [(str(bad), 3), (str(empty), 0)]
    assert replayed.tally == Tally(accepted=4)
    assert replayed.files == 3
    # What the cut took away shows in the numbers, too.
    assert replayed.gaps == [Gap("usage", "0", 2, 4)]


async def test_a_gap_is_noted_within_a_partition_and_not_between_two(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "MAX_GAPS", 2)
    write(tmp_path, name_of(0, 1), captured([b"{}"], first=1))
    write(tmp_path, name_of(0, 2), captured([b"{}"], first=2))
    for minute, first in ((1, 50), (2, 52), (3, 60), (4, 70)):
        write(tmp_path, name_of(1, minute), captured([b"{}"], first=first))
    replayed = replaying(system, tmp_path)
    await replayed.run(dry=True)
    assert replayed.gaps == [Gap("usage", "1", 50, 52), Gap("usage", "1", 52, 60)]


async def test_a_dry_run_reads_and_writes_nothing(system: System, tmp_path: Path) -> None:
    write(tmp_path, name_of(0, 1), captured([body()]))
    replayed = replaying(system, tmp_path)
    await replayed.run(dry=True)
    assert (replayed.events, replayed.tally) == (1, Tally())
    assert await system.store.ledgers() == []


async def test_batches_are_bounded_by_events_and_by_bytes(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, name_of(0, 1), captured([body(id=f"r-{number}") for number in range(25)]))
    monkeypatch.setattr(replay_module, "BATCH_EVENTS", 10)
    await replaying(system, tmp_path).run()
    assert system.store.commits == 3
    monkeypatch.setattr(replay_module, "BATCH_BYTES", 1)
    again = replaying(system, tmp_path)
    await again.run()
    assert again.tally == Tally(duplicates=25)


async def test_a_hub_by_another_name_is_said(system: System, tmp_path: Path) -> None:
    write(tmp_path, name_of(0, 1, hub="metered"), captured([body()]))
    with pytest.raises(ConfigurationError, match="is of hub 'metered'; use --hub usage or --hub g"):
        await replaying(system, tmp_path).run()
    replayed = replaying(system, tmp_path, hub="usage")
    await replayed.run()
    assert replayed.tally == Tally(accepted=1)


async def test_a_name_that_says_nothing_needs_the_hub_to_be_said(
    system: System, tmp_path: Path
) -> None:
    file = write(tmp_path, "some.avro", captured([body()]))
    with pytest.raises(ConfigurationError, match="some.avro: does not name its hub"):
        await replaying(system, file).run()
    replayed = replaying(system, file, hub="usage")
    await replayed.run()
    assert replayed.tally == Tally(accepted=1)


@pytest.mark.parametrize("hub", ["gateway-logs", "unheard-of"])
async def test_usage_is_never_read_as_something_else(
    system: System, tmp_path: Path, hub: str
) -> None:
    write(tmp_path, name_of(0, 1), captured([body()]))
    with pytest.raises(ConfigurationError, match="is of hub 'usage'"):
        await replaying(system, tmp_path, hub=hub).run()


async def test_progress_is_told_in_bytes(system: System, tmp_path: Path) -> None:
    sizes = []
    for partition in range(2):
        file = write(tmp_path, name_of(partition, 1), captured([body()]))
        sizes.append(file.stat().st_size)
    told: list[tuple[int, int]] = []
    await replaying(system, tmp_path, on_progress=lambda *now: told.append(now)).run()
    assert told == [(sizes[0], sum(sizes)), (sum(sizes), sum(sizes))]


async def test_a_store_out_of_reach_ends_it_and_what_was_done_stands(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "BATCH_EVENTS", 1)
    write(tmp_path, name_of(0, 1), captured([body(), body(id="r-2")]))

    def fail() -> None:
        raise RetryableError("the store is away")

    system.store.before = [lambda: None, fail, fail]
    replayed = replaying(system, tmp_path)
    with pytest.raises(RetryableError, match="away"):
        await replayed.run()
    assert replayed.tally == Tally(accepted=1)
