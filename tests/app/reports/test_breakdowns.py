"""Breakdowns that are kept: exact after every commit, bounded, and no tenant evicts another."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from metering.app.hubs.batch import Message
from metering.app.reports import breakdowns as breakdowns_module
from metering.app.reports.breakdowns import unlimited
from metering.app.reports.read import Slice
from metering.core.basics.errors import LedgerBroken
from metering.core.calendars.periods import ALL_DAYS, Days, LedgerId, month_of
from metering.core.reports.breakdown import GROUPS
from tests.app.committing import LEDGER
from tests.app.rolling import change, from_pages, usage_is_exact
from tests.builders import AT, body

type System = Any


@pytest.fixture
async def acme(system: System) -> System:
    await system.tenancy.map_subject("sub-1", "acme", None)
    await system.tenancy.map_subject("sub-2", "globex", None)
    return system


async def count(system: System, *names: str, **more: Any) -> None:
    bodies = [body(id=f"r-{name}", data__end_user=name, **more) for name in names]
    await system.ingest.batch([Message(one, "0", 0) for one in bodies])


async def users(system: System, tenant: str = "acme", spend: Any = None) -> list[str]:
    rows, _ = await system.read.usage_of_days(
        tenant, ALL_DAYS, ("end_user",), spend=spend or unlimited
    )
    return [row.group[0] for row in rows]


async def test_what_is_kept_includes_every_commit_and_reads_only_what_is_new(
    acme: System,
) -> None:
    await count(acme, "a")
    assert await users(acme) == ["a"]
    await count(acme, "c", "b")
    spent: list[int] = []
    assert await users(acme, spend=spent.append) == ["a", "b", "c"]
    # Two entries of one page, and three rows.
    assert spent == [2, 3]
    acme.store.queries = 0
    reads = acme.rollups.cursors_read
    spent.clear()
    assert await users(acme, spend=spent.append) == ["a", "b", "c"]
    assert (spent, acme.rollups.cursors_read) == ([3], reads)


async def test_the_cost_of_a_page_is_its_rows(acme: System) -> None:
    await count(acme, *(f"{n:03d}" for n in range(100)))
    await users(acme)
    spent: list[int] = []
    rows, _ = await acme.read.usage_of_days(
        "acme", ALL_DAYS, ("end_user",), Slice(("041",), 1), spent.append
    )
    assert ([row.group for row in rows], spent) == ([("042",)], [1])


async def test_what_is_kept_stays_exact_while_it_is_rolled_up_and_written_to(
    acme: System,
) -> None:
    for n in range(6):
        await count(acme, f"u-{n}", "again")
        await count(acme, f"late-{n}", time="2026-11-19T10:00:00Z")
        assert await usage_is_exact(acme)
        if n % 2:
            await acme.roll_up.run()


async def test_days_that_cover_a_ledger_are_one_breakdown(acme: System) -> None:
    await count(acme, "a")
    await users(acme)
    reads = acme.rollups.cursors_read
    for days in (Days("2026-11-01", "2026-12-01"), Days("2026-01-01", "2027-01-01")):
        await acme.read.usage_of_days("acme", days, ("end_user",))
    assert acme.rollups.cursors_read == reads
    rows, _ = await acme.read.usage_of_days("acme", Days("2026-11-20", "2026-11-21"), ("end_user",))
    assert (len(rows), acme.rollups.cursors_read) == (1, reads + 1)
    rows, _ = await acme.read.usage_of_days("acme", Days("2026-11-21", "2026-12-01"), ("day",))
    assert rows == []


async def test_a_ledger_that_was_restored_is_read_anew(
    acme: System, make_system: Callable[..., System]
) -> None:
    await count(acme, "a")
    await count(acme, "b")
    assert await users(acme) == ["a", "b"]
    # A backup from before the second commit, and another second commit.
    await change(acme, "DELETE FROM pages WHERE number = 2")
    other = make_system()
    await count(other, "c")
    assert await users(acme) == ["a", "c"]
    assert await usage_is_exact(acme)


async def test_a_damaged_page_is_told_and_nothing_wrong_is_kept(acme: System) -> None:
    await count(acme, "a")
    await users(acme)
    await count(acme, "b")
    await change(
        acme,
        "UPDATE pages SET document = CAST(replace(CAST(document AS TEXT), 'r-b', 'r-x') AS BLOB)",
    )
    for _ in range(2):
        with pytest.raises(LedgerBroken):
            await users(acme)


async def test_a_read_that_is_cancelled_leaves_nothing_counted_twice(acme: System) -> None:
    await count(acme, "a")
    await users(acme)
    for n in range(5):
        await count(acme, f"b-{n}")
    reading = asyncio.create_task(users(acme))
    for _ in range(3):
        await asyncio.sleep(0.001)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert await usage_is_exact(acme)
    rows = await acme.read.usage("acme", month_of(AT), ("end_user",))
    assert [row.line.requests for row in rows] == [1] * 6


async def test_one_that_is_far_behind_is_made_anew_from_the_rollup(
    acme: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakdowns_module, "_MAX_BEHIND", 2)
    await count(acme, "a")
    await users(acme)
    for n in range(3):
        await count(acme, f"b-{n}")
    await acme.roll_up.run()
    _, (read,) = await acme.read.usage_of_days("acme", ALL_DAYS, ("end_user",))
    assert (read.page, read.rolled_up) == (4, 4)


async def test_a_tenant_with_many_groups_evicts_its_own_and_no_other(
    acme: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakdowns_module, "MAX_GROUPS", 150)
    await count(acme, *(f"{n:03d}" for n in range(100)))
    await count(acme, "g", subject="sub-2")
    await users(acme, "globex")
    for name in GROUPS[:-1]:
        await acme.read.usage("acme", month_of(AT), ("end_user", name))
    reads = acme.rollups.cursors_read
    await users(acme, "globex")
    assert acme.rollups.cursors_read == reads
    kept = acme.read.breakdowns._kept  # noqa: SLF001
    assert sum(len(one.breakdown) + 20 for one in kept.values()) <= 150
    # One that is too large to be kept is as exact.
    monkeypatch.setattr(breakdowns_module, "MAX_GROUPS", 50)
    assert await usage_is_exact(acme)
    assert LedgerId("acme", LEDGER.start) not in {key.ledger for key in kept}


async def test_what_is_evicted_from_under_a_reader_is_let_go_only_after_it(
    acme: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await count(acme, "a", "b")
    await count(acme, "g", subject="sub-2")
    breakdowns = acme.read.breakdowns
    async with breakdowns.turn("acme"):
        kept = await breakdowns.of(LEDGER, ("end_user",), ALL_DAYS, unlimited)
        monkeypatch.setattr(breakdowns_module, "MAX_GROUPS", 0)
        await users(acme, "globex")
        assert [row.group for row in kept.breakdown.rows()] == [("a",), ("b",)]
    assert len(kept.breakdown) == 0
    assert await users(acme) == ["a", "b"]


async def test_reads_of_a_tenant_at_once_make_its_breakdown_once(acme: System) -> None:
    await count(acme, "a")
    reads = acme.rollups.cursors_read
    assert await asyncio.gather(*(users(acme) for _ in range(10))) == [["a"]] * 10
    assert acme.rollups.cursors_read == reads + 1
    assert len(await from_pages(acme)) == 1
