"""Rolling up: every page once, in bounded steps, whoever else does it and whatever fails."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from metering.app.reports import roll_up
from metering.core.basics.errors import RetryableError, TooLargeError
from metering.core.basics.instants import DAY
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.page import Page
from metering.core.reports import rollup, rollup_document
from metering.core.usage.evidence import Evidence
from tests.app.committing import LEDGER, OCTOBER, System, commit, fail
from tests.app.rolling import change, cursor_page, faults, from_pages, usage_is_exact
from tests.builders import AT, NOW, usage


class Crashed(BaseException):
    """A process ended here."""


async def test_new_pages_are_taken_in_once(system: System) -> None:
    await commit(system, usage("a"), usage("b", time=AT - DAY))
    assert await system.roll_up.run() == 2
    assert await system.roll_up.run() == 0
    assert await cursor_page(system) == 2
    assert len(system.rollups.written) == 1
    assert await usage_is_exact(system)
    assert await faults(system) == ()


async def test_a_ledger_that_has_gone_quiet_gets_a_checkpoint(system: System) -> None:
    for number in range(3):
        await commit(system, usage(f"r-{number}"))
    for expected in (1, 3, 3):
        await system.roll_up.run()
        stored = await system.store.read_head(LEDGER)
        assert stored is not None
        assert (stored.head.pages, stored.checkpoint) == (3, expected)


async def test_usage_is_read_from_the_rollup_and_the_pages_after_it(system: System) -> None:
    await commit(system, usage("a", evidence=Evidence.TOTALS, use_case="old"))
    await system.roll_up.run()
    await commit(system, usage("a", use_case="new"), usage("h", evidence=Evidence.HELD))
    assert await usage_is_exact(system)
    read = []
    pages = system.store.pages

    def noted(ledger: LedgerId, *, after: int = 0) -> AsyncIterator[Page]:
        read.append(after)
        found: AsyncIterator[Page] = pages(ledger, after=after)
        return found

    system.store.pages = noted
    rows = await system.read.usage("acme", month_of(AT), ("use_case",))
    # 1,000 x 2.5 + 100 x 10 per million = 0.0035
    assert [(row.group, row.amount) for row in rows] == [(("new",), 3_500_000_000_000_000)]
    assert read == [1]


async def test_each_ledger_has_its_own_rollup(system: System) -> None:
    await commit(system, usage("a"))
    await commit(system, usage("b", time=LEDGER.start - DAY), ledger=OCTOBER)
    assert await system.roll_up.run() == 2
    assert [await cursor_page(system, ledger) for ledger in (OCTOBER, LEDGER)] == [1, 1]


async def test_pages_are_taken_in_in_bounded_steps(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "MAX_PAGES", 2)
    monkeypatch.setattr(roll_up, "MAX_PAGES_A_RUN", 4)
    for number in range(7):
        await commit(system, usage(f"r-{number}"))
    # A run stops after its bound, and the next takes the rest.
    assert [await system.roll_up.run() for _ in range(2)] == [4, 3]
    assert [step.cursor.page for step in system.rollups.written] == [2, 4, 6, 7]
    assert await usage_is_exact(system)
    assert await faults(system) == ()


async def test_a_step_that_is_too_large_is_taken_with_fewer_pages(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        await commit(system, usage(f"r-{number}", time=AT - number * DAY, end_user="u" * 100))
    # A part of one group is below 700 bytes, and of two parts the sum is above.
    monkeypatch.setattr(rollup_document, "MAX_STEP_BYTES", 700)
    assert await system.roll_up.run() == 4
    assert [step.cursor.page for step in system.rollups.written] == [1, 2, 3, 4]
    assert await usage_is_exact(system)


async def test_a_rollup_that_the_store_refuses_is_told_and_read_from_its_pages(
    system: System,
) -> None:
    await commit(system, usage("a"))
    await system.roll_up.run()
    await commit(system, usage("b"))
    await commit(system, usage("b"), ledger=LEDGER._replace(tenant="globex"))
    system.rollups.before.append(fail(TooLargeError("store x: more bytes than it may have")))
    assert await system.roll_up.run() == 1
    assert system.alerts.messages == [f"ledger {LEDGER}: store x: more bytes than it may have"]
    assert await usage_is_exact(system)
    assert await faults(system) == ()


async def test_a_crash_before_or_after_a_write_loses_nothing_and_counts_nothing_twice(
    make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "MAX_PAGES", 1)
    writer = make_system()
    for number in range(4):
        await commit(writer, usage(f"r-{number}"))
    for edge in ("after", "before", "after"):
        process = make_system()
        # The first write of this process goes well, and around the second one it ends.
        getattr(process.rollups, edge).extend([lambda: None, fail(Crashed())])
        with pytest.raises(Crashed):
            await process.roll_up.run()
        assert await usage_is_exact(writer)
        assert await faults(writer) == ()
        await commit(writer, usage(f"after-{edge}-{await cursor_page(writer)}"))
    assert await make_system().roll_up.run() == 2
    assert await cursor_page(writer) == 7
    assert await usage_is_exact(writer)
    assert await faults(writer) == ()


async def test_a_fault_of_the_store_raises_and_the_next_run_finds_what_was_written(
    system: System,
) -> None:
    await commit(system, usage("a"))
    system.rollups.after.append(fail(RetryableError("lost answer")))
    with pytest.raises(RetryableError, match="lost answer"):
        await system.roll_up.run()
    assert await cursor_page(system) == 1
    assert await system.roll_up.run() == 0
    await commit(system, usage("b"))
    await system.roll_up.run()
    assert await system.roll_up.run() == 1
    assert await usage_is_exact(system)


async def test_two_roll_ups_at_once_count_every_page_once(
    make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "MAX_PAGES", 1)
    one, two = make_system(), make_system()
    for number in range(6):
        await commit(one, usage(f"r-{number}"))
    await asyncio.gather(one.roll_up.run(), two.roll_up.run())
    assert await usage_is_exact(one)
    for _ in range(3):
        await asyncio.gather(one.roll_up.run(), two.roll_up.run())
    assert await cursor_page(one) == 6
    assert (one.rollups.resets, two.rollups.resets) == (0, 0)
    assert await faults(one) == ()


async def test_whoever_comes_second_writes_nothing_and_goes_on(
    make_system: Callable[..., System],
) -> None:
    one, two = make_system(), make_system()
    await commit(one, usage("a"))
    await one.roll_up.run()
    await two.roll_up.run()
    await commit(one, usage("b"))

    async def first() -> None:
        assert await one.roll_up.run() == 1

    # The other takes the page in after this one has read the cursor, and before its parts.
    fresh = make_system()
    fresh.rollups.between.append(first)
    assert await fresh.roll_up.run() == 0
    assert fresh.rollups.resets == 0
    assert fresh.alerts.messages == []
    assert await cursor_page(one) == 2
    await commit(one, usage("c"))
    # A rest of one run, for it took nothing in.
    assert [await fresh.roll_up.run() for _ in range(2)] == [0, 1]
    assert await faults(one) == ()


async def test_a_rollup_that_somebody_writes_to_at_every_look_is_left_to_them(
    make_system: Callable[..., System],
) -> None:
    one, fresh = make_system(), make_system()
    await commit(one, usage("a"))
    await one.roll_up.run()
    for name in ("b", "c"):
        await commit(one, usage(name))

    async def one_page() -> None:
        # A run of another process that is stopped after one step.
        other = make_system()
        other.rollups.after.append(fail(Crashed()))
        with pytest.raises(Crashed):
            await other.roll_up.run()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollup, "MAX_PAGES", 1)
        fresh.rollups.between.extend([one_page, one_page])
        assert await fresh.roll_up.run() == 0
    assert fresh.rollups.resets == 0
    assert fresh.alerts.messages == []
    assert await cursor_page(one) == 3
    assert await faults(one) == ()


async def test_a_broken_ledger_is_told_and_the_others_go_on(system: System) -> None:
    other = LedgerId("globex", LEDGER.start)
    for ledger in (LEDGER, other):
        await commit(system, usage("a"), ledger=ledger)
        await commit(system, usage("b"), ledger=ledger)
    await change(
        system, "UPDATE pages SET document = '{' WHERE number = 2 AND ledger = ?", str(LEDGER)
    )
    assert await system.roll_up.run() == 2
    assert [await cursor_page(system, ledger) for ledger in (LEDGER, other)] == [0, 2]
    (message,) = system.alerts.messages
    assert message.startswith(f"ledger {LEDGER}: a document is not JSON")


async def test_pages_without_a_head_are_left_alone(system: System) -> None:
    await commit(system, usage("a"))
    await change(system, "DELETE FROM heads")
    assert await system.roll_up.run() == 0
    assert await cursor_page(system) == 0


async def test_a_query_behind_the_head_is_waited_for(system: System) -> None:
    await commit(system, usage("a"))
    await system.roll_up.run()
    await commit(system, usage("b"))
    pages = system.store.pages
    system.store.pages = lambda ledger, *, after=0: pages(ledger, after=after + 1)
    system.store.absent = {2}
    assert await system.roll_up.run() == 0
    assert system.alerts.messages == []
    system.store.pages, system.store.absent = pages, set()
    assert await system.roll_up.run() == 0
    assert await system.roll_up.run() == 1


async def test_a_ledger_that_stands_still_is_looked_at_ever_more_seldom(system: System) -> None:
    await commit(system, usage("a"))
    looks = 0
    read_head = system.store.read_head

    async def counted(ledger: LedgerId) -> object:
        nonlocal looks
        looks += 1
        return await read_head(ledger)

    async def looked_in(runs: int) -> list[int]:
        """Return in which of so many runs the ledger was looked at."""
        found = []
        for run in range(runs):
            before = looks
            await system.roll_up.run()
            found.extend([run] * (looks - before))
        return found

    system.store.read_head = counted
    # Rests of 1, 3, 7, 15, 31 runs and then of 59: once an hour.
    assert await looked_in(150) == [0, 1, 3, 7, 15, 31, 63, 123]
    await commit(system, usage("b"))
    looks = 0
    # What is found brings it back to every run.
    assert await looked_in(40) == [33, 34, 36]
    assert await cursor_page(system) == 2


async def test_while_there_is_news_the_cursor_is_remembered(system: System) -> None:
    for number in range(5):
        await commit(system, usage(f"r-{number}"))
        assert await system.roll_up.run() == 1
    assert system.rollups.cursors_read == 1
    assert await from_pages(system)


async def test_the_parts_of_a_late_request_are_its_days(system: System) -> None:
    await commit(system, usage("a"))
    await system.roll_up.run()
    await commit(system, usage("late", time=AT - 3 * DAY, arrival=NOW))
    await system.roll_up.run()
    assert [part.name.day for part in system.rollups.written[-1].parts] == ["2026-11-17"] * 2
