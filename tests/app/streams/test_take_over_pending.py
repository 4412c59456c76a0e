"""An upgrade: what versions before the register left waiting is joined, recovered or given up."""

from typing import Any

import pytest

from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY, HOUR
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.core.streams.gateway_log import read_log
from metering.core.streams.joining import recovered
from tests.builders import AT, NOW, body
from tests.gateway_logs import gateway_record, llm_record, log, take_in
from tests.old_pending import put_old

type System = Any

PENDING = body(data__tokens="pending", data__usage=None)
LOG = log(llm_record())


async def counts(system: System) -> tuple[int, int, int]:
    balance = await system.read.balance("sub-1", month_of(AT))
    return balance.total.requests, balance.total.missing, balance.held_requests


async def old_stream(system: System, *, settled: bool = False) -> None:
    """Leave a stream as a version before the register did: its hold, and its request record."""
    await take_in(system.ingest, PENDING)
    await system.database.write(lambda connection: connection.execute("DELETE FROM register"))
    await put_old(system.app.stores, "identity", "r-1", PENDING, AT, settled=settled)


@pytest.mark.parametrize("settled", [False, True])
async def test_a_stream_that_waits_is_joined_by_its_row(system: System, *, settled: bool) -> None:
    await old_stream(system, settled=settled)
    assert await system.take_over.run() == 1
    assert await system.take_over.run() == 0
    await take_in(system.join, LOG)
    assert await counts(system) == (1, 0, 0)
    assert await system.pending.read_pending("identity", 9) == []


async def test_a_row_that_came_between_the_upgrade_and_the_timer_is_joined(system: System) -> None:
    await old_stream(system)
    await take_in(system.join, LOG)
    assert await counts(system) == (0, 0, 1)
    await system.take_over.run()
    assert await counts(system) == (1, 0, 0)


async def test_a_row_that_came_before_the_upgrade_is_joined(system: System) -> None:
    await old_stream(system)
    await put_old(system.app.stores, "tokens", "r-1", LOG, NOW)
    await system.take_over.run()
    assert await counts(system) == (1, 0, 0)


async def test_a_stream_whose_row_an_old_process_stored_is_joined_when_it_would_be_given_up(
    system: System,
) -> None:
    await system.take_over.run()
    await put_old(system.app.stores, "tokens", "r-1", LOG, NOW)
    await take_in(system.ingest, PENDING)
    system.clock.set(NOW + DAY)
    await system.expire.run()
    assert await counts(system) == (1, 0, 0)


async def test_a_stream_without_counts_is_missing_a_day_after_it_was_taken_over(
    system: System,
) -> None:
    await old_stream(system)
    await system.take_over.run()
    system.clock.set(NOW + DAY)
    assert (await system.expire.run()).missing == 1
    assert await counts(system) == (1, 1, 0)


async def test_a_settled_stream_is_not_given_up_again(system: System) -> None:
    await old_stream(system, settled=True)
    await system.take_over.run()
    system.clock.set(NOW + 2 * DAY)
    assert (await system.expire.run()).settled == 0


@pytest.mark.parametrize("reported", [False, True])
async def test_usage_to_recover_is_recovered_unless_it_was_reported(
    system: System, *, reported: bool
) -> None:
    found = read_log(log(llm_record(), gateway_record()))
    usage = recovered(found.gateway_rows[0], found.llm_rows[0])
    await put_old(system.app.stores, "recovery", "r-1", usage, NOW)
    if reported:
        await take_in(system.ingest, body())
    assert await system.take_over.run() == 1
    assert len(system.publisher.events) == (0 if reported else 1)
    balance = await system.read.balance("sub-1", month_of(AT))
    assert (balance.total.requests, format_amount(balance.amount)) == (1, "0.0035")


async def test_what_could_not_be_published_is_taken_over_by_the_next_run(system: System) -> None:
    await old_stream(system)
    await put_old(system.app.stores, "tokens", "r-1", LOG, NOW)
    system.publisher.faults = [RetryableError("busy")]
    with pytest.raises(RetryableError):
        await system.take_over.run()
    assert await system.take_over.run() == 1
    assert await counts(system) == (1, 0, 0)


async def test_nine_days_after_its_first_run_the_timer_looks_no_more(system: System) -> None:
    await system.take_over.run()
    await put_old(system.app.stores, "identity", "r-1", PENDING, AT)
    system.clock.set(NOW + 9 * DAY + HOUR)
    assert await system.take_over.run() == 0
    assert await system.take_over.run() == 0
    assert len(await system.pending.read_pending("identity", 9)) == 1
    assert await system.take_over.rows(["r-1"]) == []


async def test_a_run_takes_a_bounded_number_and_the_next_one_the_rest(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.app.streams.take_over_pending._TOGETHER", 2)
    monkeypatch.setattr("metering.app.streams.take_over_pending._ROUNDS", 2)
    for number in range(5):
        name = f"r-{number}"
        await put_old(
            system.app.stores, "identity", name, PENDING.replace(b"r-1", name.encode()), AT
        )
    assert [await system.take_over.run(), await system.take_over.run()] == [4, 1]
