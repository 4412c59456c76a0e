"""The commit protocol on a ledger that cannot be trusted, or a replica that is behind."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from metering.app.ledger import committer
from metering.app.ledger.committer import Committed
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import DAY, HOUR
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head, fold
from tests.app.committing import LEDGER, System, commit
from tests.builders import AT, usage


async def test_what_a_lagging_query_leaves_out_is_read_by_id(
    system: System, make_system: Callable[..., System]
) -> None:
    await commit(system, usage("a"))
    await commit(system, usage("b"))
    fresh = make_system()
    fresh.store.lag = 1
    assert await commit(fresh, usage("b"), usage("a")) == Committed(duplicates=2)


async def test_a_listed_page_that_cannot_be_read_is_waited_for(
    system: System, make_system: Callable[..., System]
) -> None:
    await commit(system, usage())
    fresh = make_system()
    fresh.store.lag, fresh.store.absent = 1, {1}
    waiting = asyncio.create_task(commit(fresh, usage()))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    fresh.store.absent = set()
    assert await waiting == Committed(duplicates=1)


async def test_a_listed_page_that_stays_away_has_gone_and_stops_its_ledger(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "_FIRST_PAUSE_S", 0)
    await commit(system, usage())
    fresh = make_system()
    fresh.store.absent = {1}
    with pytest.raises(LedgerBroken, match="page 1 is not there"):
        await commit(fresh, usage())


async def test_one_event_that_fits_into_no_commit_is_an_error(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.core.ledger.commit.MAX_COMMIT_BYTES", 10)
    with pytest.raises(LedgerBroken, match="one event takes more than a commit may hold"):
        await commit(system, usage())


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE pages SET document = replace(document, 'r-1', 'r-9')", "does not match its hash"),
        ("DELETE FROM heads", "its head is not there"),
        ("DELETE FROM pages WHERE number = 1", "page 1 is not there"),
        ("DELETE FROM pages WHERE number = 2", "page 2 is missing: page 3 follows"),
        (
            "UPDATE heads SET document = replace(document, 'last_hash\":\"', 'last_hash\":\"0')",
            "page 2 does not follow the page before it",
        ),
        (
            "UPDATE pages SET document = x.document FROM pages AS x WHERE x.number = 3",
            "page 2 is missing: page 3 follows",
        ),
        ("UPDATE pages SET document = '{'", "is not JSON"),
        ("UPDATE pages SET document = '[]'", "is not a JSON object"),
        ("UPDATE heads SET document = '{'", "is not JSON"),
    ],
)
async def test_a_ledger_that_was_touched_stops_and_writes_nothing_more(
    system: System,
    make_system: Callable[..., System],
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    complaint: str,
) -> None:
    monkeypatch.setattr(committer, "_FIRST_PAUSE_S", 0)
    for number in range(1, 4):
        await commit(system, usage(f"r-{number}", time=AT - number * HOUR))
    await system.database.write(lambda connection: connection.execute(statement))
    with pytest.raises(LedgerBroken, match=complaint):
        await commit(make_system(), usage("r-5"))
    assert (await system.verify.one(LEDGER)).faults != ()


async def test_a_page_of_another_ledger_is_not_taken(
    system: System, make_system: Callable[..., System]
) -> None:
    other = LedgerId("globex", LEDGER.start)
    await commit(system, usage())
    await commit(system, usage(), ledger=other)
    await system.database.write(
        lambda connection: connection.execute(
            "UPDATE pages SET document = (SELECT document FROM pages WHERE ledger LIKE 'globex%')"
        )
    )
    with pytest.raises(LedgerBroken, match="holds page-00000001 of globex"):
        await commit(make_system(), usage("b"))


async def test_only_the_last_pages_are_checked_at_first_sight(
    system: System, make_system: Callable[..., System]
) -> None:
    for number in range(3):
        await commit(system, usage(f"r-{number}", time=AT - number * DAY))
    await system.database.write(
        lambda connection: connection.execute("UPDATE pages SET document = '{' WHERE number = 1")
    )
    assert await commit(make_system(checked_pages=1), usage("x", time=AT - DAY)) == Committed(1)
    verdict = await system.verify.one(LEDGER)
    assert verdict.faults[0] == "a document is not JSON: " + verdict.faults[0].partition(": ")[2]


async def test_a_commit_between_reading_head_and_pages_does_not_look_like_damage(
    system: System, make_system: Callable[..., System]
) -> None:
    await commit(system, usage("a"))
    fresh = make_system()
    read_head = fresh.store.read_head

    async def slowly(ledger: LedgerId) -> Any:
        stored = await read_head(ledger)
        if ledger == LEDGER:
            fresh.store.read_head = read_head
            await commit(system, usage("b"))
        return stored

    fresh.store.read_head = slowly
    assert await commit(fresh, usage("b"), usage("c")) == Committed(accepted=1, duplicates=1)


async def test_a_checkpoint_that_its_last_page_contradicts_is_not_built_upon(
    system: System, make_system: Callable[..., System]
) -> None:
    await commit(system, usage("a"))
    await system.database.write(
        lambda connection: connection.execute(
            "UPDATE heads SET document = replace(document, 'last_hash\":\"', 'last_hash\":\"0')"
        )
    )
    with pytest.raises(LedgerBroken, match="page 1 does not have the hash that was recorded"):
        await commit(make_system(), usage("c"))


async def test_pages_that_were_lost_after_the_checkpoint_are_counted_again(
    system: System, make_system: Callable[..., System]
) -> None:
    await commit(system, usage("a"))
    await commit(system, usage("b"))
    await system.database.write(
        lambda connection: connection.execute("DELETE FROM pages WHERE number = 2")
    )
    assert await commit(make_system(), usage("a"), usage("b")) == Committed(1, 1)
    assert (await system.verify.one(LEDGER)).faults == ()


async def test_a_first_commit_of_another_process_between_two_looks_is_no_damage(
    system: System, make_system: Callable[..., System]
) -> None:
    fresh = make_system()
    # As on one machine, where a gap is not waited for.
    fresh.committer = committer.Committer(
        store=fresh.store, clock=fresh.clock, periods=fresh.tenancy.directory.period_at, max_gaps=1
    )
    read_head = fresh.store.read_head

    async def before_it_was_there(ledger: LedgerId) -> Any:
        fresh.store.read_head = read_head
        assert await read_head(ledger) is None
        await commit(system, usage("a"))

    fresh.store.read_head = before_it_was_there
    assert await commit(fresh, usage("a"), usage("b")) == Committed(accepted=1, duplicates=1)


async def test_after_a_lost_race_the_chain_of_pages_is_enough(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "_FIRST_PAUSE_S", 0)
    await commit(system, usage("a"))
    await commit(make_system(), usage("b"))
    await system.database.write(lambda connection: connection.execute("DELETE FROM heads"))
    assert await commit(system, usage("b"), usage("c")) == Committed(1, 1)
    with pytest.raises(LedgerBroken, match="its head is not there"):
        await commit(make_system(), usage("d"))


async def test_a_page_of_others_that_breaks_the_chain_stops_the_ledger(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "_FIRST_PAUSE_S", 0)
    await commit(system, usage("a"))
    other = make_system()
    await commit(other, usage("b"))
    await commit(other, usage("c"))
    await system.database.write(
        lambda connection: connection.execute("DELETE FROM pages WHERE number = 2")
    )
    await system.database.write(
        lambda connection: connection.execute("UPDATE pages SET number = 2 WHERE number = 3")
    )
    with pytest.raises(LedgerBroken):
        await commit(system, usage("d"))


async def test_a_hole_before_a_page_that_a_query_finds_stops_the_ledger(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "_FIRST_PAUSE_S", 0)
    for number in range(3):
        await commit(system, usage(f"r-{number}"))
    fresh = make_system()
    read_head = fresh.store.read_head

    async def before_the_last_two(ledger: LedgerId) -> Any:
        stored = await read_head(ledger)
        first = await fresh.store.read_page(ledger, 1)
        assert first is not None
        return stored and stored._replace(head=fold(Head(ledger), [first]))

    fresh.store.read_head = before_the_last_two
    fresh.store.absent = {2}
    with pytest.raises(LedgerBroken, match="page 2 is not there"):
        await commit(fresh, usage("x"))
    # A replica that is behind for a moment is no hole.
    fresh.store.absent = set()
    assert await commit(fresh, usage("r-2"), usage("x")) == Committed(1, 1)
