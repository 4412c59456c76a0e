"""Quotas set late: crashes, races and damage come to one full count all the same."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.core.basics.errors import LedgerBroken, RetryableError
from metering.core.basics.instants import DAY, HOUR, MINUTE, format_instant
from metering.core.calendars.periods import LedgerId
from tests.app.long_windows import (
    CAP,
    DECEMBER,
    IN_DECEMBER,
    NOVEMBER,
    OCTOBER,
    counted,
    proven,
    told,
    use,
    verdict,
)
from tests.app.quotas.test_catching_up import (
    DAILY,
    now_under,
    pages_a_run,
    quarters,
    with_usage,
)
from tests.builders import NOW, body

MADE = [OCTOBER + DAY, OCTOBER + 2 * DAY, NOVEMBER.start + DAY, NOW, IN_DECEMBER]


def crash() -> None:
    raise RetryableError("the process ends here")


@pytest.mark.parametrize("at", ["before", "after"])
async def test_a_crash_around_any_commit_loses_and_repeats_nothing(
    at: str, system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_usage(system, *MADE)
    await now_under(system, CAP)
    pages_a_run(monkeypatch, 1)
    for _ in range(6):
        getattr(system.store, at).append(crash)
        with pytest.raises(RetryableError):
            await system.enforce.run()
        await system.enforce.run()
        if quarters(await counted(system)) == 5500:
            break
    # Five events of 1,100 tokens.
    assert quarters(await counted(system)) == 5500
    getattr(system.store, at).clear()
    await system.enforce.run()
    assert (await system.admission().of("sub-1")).counting == ()
    assert (await told(system)).total() == 1
    await proven(system)


async def test_a_ledger_that_gets_pages_all_the_time_is_caught_up_with(system: Any) -> None:
    await with_usage(system, NOW, NOW + 1, NOW + 2)
    await now_under(system, DAILY, {**CAP, "limit": "9000"})
    real, read, sent = system.store.commit, list[int](), list[str]()
    pages = system.store.pages

    async def commit(commit: Any) -> None:
        if not commit.head.counts.limits.quotas or len(sent) > 3:
            await real(commit)
            return
        # Others commit each time between the reading and the commit of the timer.
        sent.append(f"meanwhile-{len(sent)}")
        system.store.commit = real
        await use(system, sent[-1], NOW)
        system.store.commit = commit_again
        await real(commit)

    async def commit_again(one: Any) -> None:
        await commit(one)

    async def counted_pages(ledger: LedgerId, *, after: int = 0) -> Any:
        read.append(after)
        async for page in pages(ledger, after=after):
            yield page

    system.store.commit, system.store.pages = commit_again, counted_pages
    assert await system.enforce.run() == 1
    assert len(sent) == 4
    # Seven events of 1,100 tokens, of which the timer has read each page once.
    assert quarters(await counted(system)) == 7700
    assert read == [0, 3, 4, 5, 6]
    await proven(system)


async def test_two_timers_at_once_count_each_piece_once(
    make_system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make_system(), make_system()
    await with_usage(one, *MADE)
    await now_under(one, CAP)
    other.clock.set(one.clock.now())
    pages_a_run(monkeypatch, 2)
    for _ in range(3):
        real = other.store.commit

        async def commit(commit: Any, real: Any = real) -> None:
            other.store.commit = real
            await one.enforce.run()
            await real(commit)

        other.store.commit = commit
        await other.enforce.run()
    assert quarters(await counted(one)) == 5500
    assert (await one.admission().of("sub-1")).counting == ()
    await proven(one)


async def test_a_broken_month_is_waited_for_by_new_quotas_alone(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_usage(system, *MADE)
    await now_under(system, {**CAP, "limit": "5500"})
    pages_a_run(monkeypatch, 2)
    await system.enforce.run()
    real = system.store.pages

    async def pages(ledger: LedgerId, *, after: int = 0) -> Any:
        if ledger.start == OCTOBER:
            raise LedgerBroken(str(ledger), "is damaged")
        async for page in real(ledger, after=after):
            yield page

    system.store.pages = pages
    for _ in range(3):
        await system.enforce.run()
    assert quarters(await counted(system)) == 3300
    october = LedgerId("acme", OCTOBER)
    assert set(system.alerts.messages) == {f"ledger {DECEMBER}: ledger {october}: is damaged"}
    # What is known counts, and goes on being counted.
    await use(system, "more", IN_DECEMBER)
    assert await verdict(system) == ("allow", "1100")
    system.store.pages = real
    await system.enforce.run()
    assert quarters(await counted(system)) == 6600
    assert (await told(system)).total() == 1
    await proven(system)


async def test_a_page_before_that_is_not_there_yet_leaves_the_place_where_it_was(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_usage(system, NOW, NOW + 1, NOW + 2)
    await now_under(system, DAILY)
    pages_a_run(monkeypatch, 2)
    system.store.absent = {2}
    assert await system.enforce.run() == 0
    system.store.absent = set()
    for used in (2200, 3300):
        await system.enforce.run()
        assert list((await counted(system)).values()) == [used]


async def test_the_present_ledger_broken_begins_no_quota(system: Any) -> None:
    await with_usage(system, NOW)
    await now_under(system, DAILY)

    async def pages(ledger: LedgerId, *, after: int = 0) -> Any:
        raise LedgerBroken(str(ledger), f"is damaged after {after}")
        yield

    system.store.pages = pages
    assert await system.enforce.run() == 0
    assert system.alerts.messages == [f"ledger {NOVEMBER}: is damaged after 0"]
    assert (await system.store.read_head(NOVEMBER)).head.counts.limits.quotas == ()


async def test_a_quota_removed_and_set_again_begins_anew(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_usage(system, *MADE)
    await now_under(system, CAP)
    pages_a_run(monkeypatch, 2)
    await system.enforce.run()
    await now_under(system, DAILY)
    await system.enforce.run()
    assert (await system.admission().of("sub-1")).counting == ()
    await now_under(system, CAP)
    # The pages that record changes are read too.
    for _ in range(6):
        await system.enforce.run()
    assert quarters(await counted(system)) == 5500
    await proven(system)


async def test_a_clock_set_right_while_a_quota_is_behind_counts_all_again(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_usage(system, *MADE, IN_DECEMBER + 1)
    day = {**DAILY, "limit": "9000", "scope": {"model": "gpt-4o"}}
    await now_under(system, CAP, day)
    pages_a_run(monkeypatch, 1)
    await system.enforce.run()
    right = system.clock.now()
    system.clock.set(right + 3 * HOUR)
    await use(system, "ahead", IN_DECEMBER)
    system.clock.set(right + MINUTE)
    for _ in range(7):
        await system.enforce.run()
    # Seven events in the quarter, three of them today.
    found = await counted(system)
    assert (quarters(found), sorted(found.values())) == (7700, [3300, 7700])
    assert (await system.admission().of("sub-1")).counting == ()


async def test_a_stream_settled_while_its_hold_is_still_to_be_counted_is_held_no_more(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_usage(system, NOW)
    stream = {"id": "s", "time": format_instant(NOW)}
    waiting = body(**stream, data__tokens="pending", data__usage=...)
    await system.ingest.batch([Message(waiting, "0", 0)])
    await now_under(system, {**DAILY, "limit": "9000"})
    pages_a_run(monkeypatch, 1)
    await system.enforce.run()
    await system.ingest.batch([Message(body(**stream), "0", 0)])
    assert await verdict(system) == ("allow", "6800")
    await system.enforce.run()
    # 9,000 less 1,100 of each of two.
    assert await verdict(system) == ("allow", "6800")
    await proven(system)
