"""Streams whose counts never come: after a day an entry says so; late counts correct it."""

from collections.abc import Callable
from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY, HOUR
from metering.core.calendars.periods import month_of
from metering.core.streams.sheets import Stream, stream_of
from metering.core.usage.usage_reader import UsageReader
from tests.builders import AT, NOW, body

type System = Any

PENDING = body(data__tokens="pending", data__usage=None)


def stream(content: bytes) -> Stream:
    return stream_of(UsageReader().read(content, NOW), content)


async def ingest(system: System, content: bytes) -> None:
    await system.ingest.batch([Message(content, "0", 0)])


async def counts(system: System) -> tuple[int, int, int]:
    balance = await system.read.balance("sub-1", month_of(AT))
    return balance.total.requests, balance.total.missing, balance.held_requests


async def test_within_a_day_a_stream_is_waited_for(system: System) -> None:
    await ingest(system, PENDING)
    system.clock.set(NOW + DAY - 1)
    assert (await system.expire.run()).settled == 0
    assert await counts(system) == (0, 0, 1)


async def test_after_a_day_its_counts_are_missing_and_never_a_guess(system: System) -> None:
    await ingest(system, PENDING)
    system.clock.set(NOW + DAY)
    assert (await system.expire.run()).settled == 1
    assert await counts(system) == (1, 1, 0)
    assert (await system.read.balance("sub-1", month_of(AT))).amount == 0
    assert (await system.expire.run()).settled == 0


async def test_counts_that_come_later_still_correct_the_entry(system: System) -> None:
    await ingest(system, PENDING)
    system.clock.set(AT + DAY + HOUR)
    await system.expire.run()
    await ingest(system, body())
    assert await counts(system) == (1, 0, 0)


async def test_a_stream_that_was_counted_is_settled_without_an_entry(system: System) -> None:
    await ingest(system, PENDING)
    await ingest(system, body())
    system.clock.set(NOW + 2 * DAY)
    await system.expire.run()
    assert await counts(system) == (1, 0, 0)


async def test_a_timer_that_was_away_for_two_years_still_settles(system: System) -> None:
    await ingest(system, PENDING)
    system.clock.set(AT + 730 * DAY)
    assert (await system.expire.run()).settled == 1
    assert await counts(system) == (1, 1, 0)


async def test_a_crash_between_the_entry_and_its_mark_is_harmless(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(system, PENDING)
    system.clock.set(AT + 2 * DAY)
    with monkeypatch.context() as broken:
        write_mark = system.register.store.write_mark

        async def crash(name: str, mark: Any) -> None:
            if name == "stream":
                raise RetryableError("crash")
            await write_mark(name, mark)

        broken.setattr(system.register.store, "write_mark", crash)
        with pytest.raises(RetryableError):
            await system.expire.run()
    await system.expire.run()
    assert await counts(system) == (1, 1, 0)
    assert (await system.count_streams.run()).missing == 0


async def test_a_stream_without_a_tenant_holds_up_no_other(system: System) -> None:
    await ingest(system, PENDING)
    nobody = body(id="r-2", subject="nobody", data__tokens="pending", data__usage=None)
    await system.register.file_streams([stream(nobody)])
    system.tenancy.automatic = False
    await system.tenancy.map_subject("sub-1", "sub-1", None)
    system.clock.set(AT + 2 * DAY)
    await system.expire.run()
    assert (await counts(system))[1] == 1


async def test_a_broken_ledger_holds_up_no_other_tenants_streams(
    system: System, make_system: Callable[..., System]
) -> None:
    await ingest(system, PENDING)
    await ingest(system, body(subject="sub-2", data__tokens="pending", id="r-2", data__usage=None))
    [(whole,)] = await system.database.all("SELECT document FROM pages WHERE ledger LIKE 'sub-1|%'")
    await system.database.write(
        lambda connection: connection.execute(
            "UPDATE pages SET document = '{' WHERE ledger LIKE 'sub-1|%'"
        )
    )
    fresh = make_system()
    fresh.clock.set(AT + 2 * DAY)
    assert (await fresh.expire.run()).settled == 1
    assert "sub-1|" in fresh.alerts.messages[0]
    balance = await fresh.read.balance("sub-2", month_of(AT))
    assert balance.total.missing == 1
    # It is settled when its ledger has been repaired, though nothing else is left to settle.
    assert (await fresh.expire.run()).settled == 0
    await system.database.write(
        lambda connection: connection.execute(
            "UPDATE pages SET document = ? WHERE ledger LIKE 'sub-1|%'", (whole,)
        )
    )
    assert (await make_system(clock=fresh.clock).expire.run()).settled == 1
    assert await counts(fresh) == (1, 1, 0)
