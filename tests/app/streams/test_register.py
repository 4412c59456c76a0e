"""What a process knows of the register: bounded, and right beyond the bound as well."""

from collections.abc import Callable
from typing import Any

import pytest

from metering.app.hubs.batch import Tally
from metering.core.basics.errors import Code, RetryableError
from metering.core.basics.instants import DAY, HOUR, SECOND
from metering.core.calendars.periods import LedgerId, month_of
from tests.builders import AT, NOW, body
from tests.gateway_logs import gateway_record, llm_record, log, take_in

type System = Any

STREAMS = [body(id=f"r-{n}", data__tokens="pending", data__usage=None) for n in range(40)]
FINALS = [body(id=f"f-{n}") for n in range(40)]
ROWS = [log(*(llm_record(f"{of}-{n}") for n in range(40))) for of in ("r", "f")]


async def requests(system: System) -> tuple[int, int]:
    balance = await system.read.balance("sub-1", month_of(AT))
    return balance.total.requests, balance.held_requests


async def test_what_memory_has_no_room_for_is_found_all_the_same(
    make_system: Callable[..., System],
) -> None:
    counting, joining = make_system(), make_system()
    joining.register.shelves.max_bytes = 20_000
    for start in range(0, 40, 10):
        await take_in(counting.ingest, *STREAMS[start : start + 10], *FINALS[start : start + 10])
        await counting.register.flush()
    assert await take_in(joining.join, *ROWS) == Tally(accepted=80)
    assert await requests(joining) == (80, 0)
    assert (await joining.count_streams.run()).recovering == 0
    (told,) = joining.alerts.messages
    assert told.startswith("register: the requests of an hour take more than 0 MB of memory")
    # It is told once.
    await take_in(joining.join, log(llm_record("unknown")))
    assert len(joining.alerts.messages) == 1


async def test_ids_of_counted_requests_are_filed_after_a_while(system: System) -> None:
    async def filed() -> int:
        return len(await system.database.all("SELECT id FROM register"))

    await take_in(system.ingest, FINALS[0])
    assert await filed() == 0
    system.clock.set(NOW + 20 * SECOND)
    await take_in(system.ingest, FINALS[1])
    assert await filed() == 1
    await take_in(system.ingest, FINALS[2])
    assert await filed() == 1
    await system.app.close()
    assert await filed() == 2


async def test_ids_that_cannot_be_filed_wait_and_delay_no_batch(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise RetryableError("down")

    with monkeypatch.context() as broken:
        broken.setattr(system.register.store, "file", down)
        await take_in(system.ingest, *FINALS)
        await system.register.flush()
    await system.register.flush()
    assert await take_in(system.join, ROWS[1]) == Tally(accepted=40)
    assert (await system.count_streams.run()).recovering == 0


async def test_too_many_ids_that_cannot_be_filed_are_left_to_the_ledgers(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise RetryableError("down")

    monkeypatch.setattr("metering.app.streams.register._MOST_FINALS", 40)
    with monkeypatch.context() as broken:
        broken.setattr(system.register.store, "file", down)
        await take_in(system.ingest, *FINALS)
        await system.register.flush()
    rows = log(
        *(llm_record(f"f-{n}") for n in range(40)), *(gateway_record(f"f-{n}") for n in range(40))
    )
    await take_in(system.join, rows)
    system.clock.set(NOW + HOUR)
    assert await system.recover.run() == (0, 0)
    assert await requests(system) == (40, 0)


async def test_a_batch_is_joined_in_pieces_and_goes_on_where_it_stopped(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.app.streams.log_pieces.MAX_ROWS", 10)
    await take_in(system.ingest, *STREAMS)
    bodies = [log(*(llm_record(f"r-{n}") for n in range(s, s + 5))) for s in range(0, 40, 5)]
    publish = system.publisher.publish
    tries = 0

    async def third_time_fails(events: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            raise RetryableError("busy")
        await publish(events)

    monkeypatch.setattr(system.publisher, "publish", third_time_fails)
    with pytest.raises(RetryableError):
        await take_in(system.join, *bodies)
    assert await requests(system) == (20, 20)
    assert await take_in(system.join, *bodies) == Tally(accepted=40)
    assert len(system.publisher.events) == 40
    assert await requests(system) == (40, 0)


async def test_with_logs_only_counts_that_cannot_be_are_set_aside_at_once(
    make_system: Callable[..., System],
) -> None:
    system = make_system(recovery_delay=0)
    tally = await take_in(system.join, log(llm_record(totalTokens=9), gateway_record()))
    assert tally == Tally(2, rejected={Code.USAGE_INCONSISTENT: 1})


async def test_a_process_remembers_only_so_many_streams_that_it_completed(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.app.streams.complete_streams._REMEMBERED", 10)
    await take_in(system.ingest, *STREAMS)
    await take_in(system.join, ROWS[0])
    assert await take_in(system.join, log(llm_record("r-0"), llm_record("r-39"))) == Tally(1, 1)
    assert await requests(system) == (40, 0)


async def test_after_a_week_without_the_timer_open_holds_are_settled_from_the_ledgers(
    make_system: Callable[..., System],
) -> None:
    system = make_system()
    await system.expire.run()
    await take_in(system.ingest, STREAMS[0])
    await take_in(system.ingest, *FINALS[:1])
    # The register has lapsed, as it does in Cosmos DB.
    await system.database.write(lambda connection: connection.execute("DELETE FROM register"))
    system.clock.set(NOW + 9 * DAY)
    assert (await system.expire.run()).missing == 1
    assert await requests(system) == (2, 0)
    assert (await system.expire.run()).missing == 0


async def test_a_ledger_that_cannot_be_read_hides_no_other_stream_that_waits(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    await take_in(system.ingest, STREAMS[0], STREAMS[1].replace(b'"sub-1"', b'"sub-2"'))
    old = body(id="old", time="2026-08-20T11:45:00Z", data__tokens="pending", data__usage=None)
    await take_in(system.ingest, old)
    assert (await system.count_streams.run()).waiting == 2
    ledgers = system.store.ledgers

    async def one_more(*_: object) -> Any:
        return [*await ledgers(), LedgerId("new", month_of(AT).start)]

    monkeypatch.setattr(system.store, "ledgers", one_more)
    assert (await system.count_streams.run()).waiting == 2
    monkeypatch.undo()
    await system.database.write(
        lambda connection: connection.execute(
            "UPDATE heads SET document = '{' WHERE tenant = 'sub-1'"
        )
    )
    assert (await make_system().count_streams.run()).waiting == 1
