"""The commit protocol: whatever goes wrong between two steps, every event counts once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from metering.app import committer
from metering.app.committer import Committed
from metering.core.errors import HeadMovedError, LedgerBroken, RetryableError
from metering.core.evidence import Evidence
from metering.core.instants import DAY, HOUR, parse_instant
from metering.core.money import format_amount
from metering.core.periods import LedgerId, month_of
from metering.core.slots import SLOT
from metering.core.usage import Usage
from tests.builders import AT, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
EDGE = parse_instant("2026-11-01T00:00:00Z")
OCTOBER = LedgerId("acme", month_of(EDGE - 1).start)
RATE = rating()

type System = Any


async def commit(system: System, *usages: Usage, ledger: LedgerId = LEDGER) -> Committed:
    done = await system.committer.commit(ledger, usages, RATE)
    assert isinstance(done, Committed)
    return done


async def amount(system: System, ledger: LedgerId = LEDGER) -> str:
    verdict = await system.verify.one(ledger)
    assert verdict.faults == ()
    return format_amount(verdict.amount)


def fail(error: BaseException) -> Callable[[], None]:
    def raise_it() -> None:
        raise error

    return raise_it


async def test_a_commit_is_there_for_every_other_process(
    system: System, make_system: Callable[..., System]
) -> None:
    assert await commit(system, usage()) == Committed(accepted=1)
    assert await amount(make_system()) == "0.0035"


async def test_a_second_process_recognises_what_the_first_committed(
    system: System, make_system: Callable[..., System]
) -> None:
    await commit(system, usage())
    assert await commit(make_system(), usage()) == Committed(duplicates=1)


async def test_a_commit_that_was_written_and_then_failed_counts_once(system: System) -> None:
    system.store.after = [fail(RetryableError("timed out"))]
    assert await commit(system, usage()) == Committed(duplicates=1)
    assert await amount(system) == "0.0035"


async def test_a_commit_that_failed_before_it_was_written_counts_once(system: System) -> None:
    system.store.before = [fail(RetryableError("throttled"))]
    assert await commit(system, usage()) == Committed(accepted=1)
    assert await amount(system) == "0.0035"


async def test_a_store_that_stays_out_of_reach_is_given_up(system: System) -> None:
    system.store.before = [fail(RetryableError("down"))] * committer.MAX_DOUBTS
    with pytest.raises(RetryableError, match="down"):
        await commit(system, usage())
    assert await commit(system, usage()) == Committed(accepted=1)


async def test_a_race_that_is_lost_again_and_again_is_given_up(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "_FIRST_PAUSE_S", 0)
    system.store.before = [fail(HeadMovedError("moved"))] * committer.MAX_RACES
    with pytest.raises(HeadMovedError):
        await commit(system, usage())
    assert system.store.commits == committer.MAX_RACES


async def test_a_commit_that_is_cancelled_at_any_moment_counts_once(system: System) -> None:
    for edge in (system.store.before, system.store.after):
        edge.append(fail(asyncio.CancelledError()))
        with pytest.raises(asyncio.CancelledError):
            await commit(system, usage())
    await commit(system, usage())
    assert await amount(system) == "0.0035"


async def test_a_process_whose_view_is_old_looks_again(
    system: System, make_system: Callable[..., System]
) -> None:
    other = make_system()
    await commit(system, usage("a"))
    await commit(other, usage("b"), usage("a"))
    assert await commit(system, usage("b"), usage("c")) == Committed(accepted=1, duplicates=1)
    # three requests at 0.0035
    assert await amount(system) == "0.0105"


async def test_eight_writers_of_one_ledger_lose_and_double_nothing(
    make_system: Callable[..., System],
) -> None:
    systems = [make_system() for _ in range(8)]
    made = [usage(f"r-{n}", time=AT + n % 3 * SLOT) for n in range(40)]
    await asyncio.gather(
        *(
            commit(system, *made[first : first + 10])
            for number, system in enumerate(systems)
            for first in range(number % 3, 40, 7)
        )
    )
    await commit(systems[0], *made)
    # 40 requests at 0.0035
    assert await amount(systems[0]) == "0.14"


async def test_commits_of_one_process_to_one_ledger_wait_for_each_other(system: System) -> None:
    done = await asyncio.gather(*(commit(system, usage(f"r-{n % 5}")) for n in range(20)))
    assert sum(answer.accepted for answer in done) == 5
    assert system.store.commits == 20


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


async def test_a_remembered_slot_is_not_queried_again(system: System) -> None:
    await commit(system, usage("a"))
    await commit(system, usage("b"))
    assert system.store.queries == 1


async def test_more_slots_than_one_commit_may_have_are_cut(system: System) -> None:
    made = [usage(f"r-{n}", time=AT - n * SLOT) for n in range(100)]
    assert await commit(system, *made) == Committed(accepted=100)
    assert system.store.commits == 3
    assert await amount(system) == "0.35"


async def test_more_events_of_one_slot_than_a_page_may_have_are_cut(system: System) -> None:
    made = [usage(f"r-{n}") for n in range(2001)]
    assert await commit(system, *made) == Committed(accepted=2001)
    assert system.store.commits == 2


async def test_more_bytes_than_one_commit_may_have_are_halved(system: System) -> None:
    made = [usage(f"{n}-{'x' * 240}", end_user=f"{n}-{'u' * 240}" * 4) for n in range(2000)]
    assert await commit(system, *made) == Committed(accepted=2000)
    assert system.store.commits > 1
    assert (await system.verify.one(LEDGER)).faults == ()


async def test_one_event_that_fits_into_no_commit_is_an_error(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.core.commit.MAX_COMMIT_BYTES", 10)
    with pytest.raises(LedgerBroken, match="one event takes more than a commit may hold"):
        await commit(system, usage())


async def test_an_id_that_returns_over_a_period_edge_is_known(system: System) -> None:
    await commit(system, usage(time=EDGE - 1), ledger=OCTOBER)
    assert await commit(system, usage(time=EDGE)) == Committed(duplicates=1)
    assert await commit(system, usage("b", time=EDGE)) == Committed(accepted=1)
    assert await commit(system, usage("b", time=EDGE - 1), ledger=OCTOBER) == Committed(
        duplicates=1
    )


async def test_better_counts_over_a_period_edge_correct_the_ledger_that_has_the_entry(
    system: System,
) -> None:
    await commit(system, usage(time=EDGE - 1, evidence=Evidence.TOTALS), ledger=OCTOBER)
    done = await commit(system, usage(time=EDGE))
    assert done == Committed(accepted=1)
    assert (await system.verify.one(OCTOBER)).entries == 2
    assert await amount(system, OCTOBER) == "0.0035"
    assert (await system.verify.one(LEDGER)).entries == 0


async def test_halved_commits_bring_their_corrections_over_the_edge(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = [usage(f"r-{n}", time=EDGE - 1, evidence=Evidence.TOTALS, digest="t") for n in range(4)]
    await commit(system, *weak, ledger=OCTOBER)
    monkeypatch.setattr("metering.core.commit.MAX_COMMIT_BYTES", 3_500)
    made = [usage(f"r-{n}", time=EDGE) for n in range(4)]
    made += [usage(f"{'n' * 200}-{n}", time=EDGE, end_user="u" * 200) for n in range(40)]
    made += [usage("r-0", time=EDGE, digest="d1")]
    assert (await commit(system, *made)).accepted == 44
    assert await amount(system, OCTOBER) == "0.014"


async def test_a_view_that_has_grown_large_is_read_anew(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "_MAX_VIEW_ENTRIES", 1)
    await commit(system, usage("a"), usage("b"))
    await commit(system, usage("c"))
    assert system.store.queries == 2
    assert await commit(system, usage("a"), usage("c")) == Committed(duplicates=2)


async def test_ledgers_that_were_not_used_for_long_are_forgotten(
    make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.app.ledger_view.MAX_ENTRIES", 30)
    system = make_system()
    for number in range(3):
        await commit(system, usage("a"), ledger=LedgerId(f"t-{number}", LEDGER.start))
    await commit(system, usage("a"), ledger=LedgerId("t-2", LEDGER.start))
    assert system.store.queries == 3
    await commit(system, usage("a"), ledger=LedgerId("t-0", LEDGER.start))
    assert system.store.queries == 4


async def test_a_ledger_beyond_its_bound_stops(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "MAX_LEDGER_ENTRIES", 1)
    await commit(system, usage("a"))
    with pytest.raises(LedgerBroken, match="holds more than 1 entries"):
        await commit(system, usage("b"))


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE pages SET document = replace(document, 'r-1', 'r-9')", "does not match its hash"),
        ("DELETE FROM heads", "its head is not there"),
        ("DELETE FROM pages WHERE number = 2", "page 2 is not there"),
        ("DELETE FROM pages WHERE number = 3", "page 3 is not there"),
        (
            "UPDATE heads SET document = replace(document, 'last_hash\":\"', 'last_hash\":\"0')",
            "not the one its head names",
        ),
        (
            "UPDATE pages SET document = x.document FROM pages AS x WHERE x.number = 3",
            "breaks the chain",
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


async def test_a_correction_is_remembered_in_the_slot_of_its_original(system: System) -> None:
    await commit(system, usage("a", time=AT, evidence=Evidence.TOTALS))
    await commit(system, usage("a", time=AT + SLOT))
    assert await commit(system, usage("a", time=AT - SLOT)) == Committed(duplicates=1)
    assert await amount(system) == "0.0035"


async def test_a_lost_race_reads_what_is_new_and_not_every_page_again(
    system: System, make_system: Callable[..., System]
) -> None:
    other = make_system()
    await commit(system, usage("a"))
    await commit(other, usage("b"))
    queries = system.store.queries
    for number in range(5):
        await commit(other, usage(f"o-{number}"), usage(f"p-{number}", time=AT - 2 * HOUR))
        assert await commit(system, usage(f"o-{number}"), usage(f"s-{number}")) == Committed(1, 1)
    assert system.store.queries == queries
    # 17 requests at 0.0035
    assert await amount(system) == "0.0595"


async def test_what_does_not_fit_after_a_lost_race_is_looked_at_anew(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_system()
    await commit(system, usage("a"))
    with monkeypatch.context() as bounded:
        bounded.setattr(committer, "MAX_CATCH_UP", 1)
        await commit(other, usage("b"))
        await commit(other, usage("c"))
        assert await commit(system, usage("b"), usage("d")) == Committed(1, 1)
    await commit(other, usage("e"))
    system.store.absent = {5}
    waiting = asyncio.create_task(commit(system, usage("e"), usage("f")))
    await asyncio.sleep(0.02)
    system.store.absent = set()
    assert await waiting == Committed(1, 1)
    # six requests at 0.0035
    assert await amount(system) == "0.021"


async def test_a_race_for_the_first_commit_is_lost_without_a_view(system: System) -> None:
    def first() -> None:
        raise HeadMovedError("moved")

    system.store.before = [first]
    assert await commit(system, usage("a")) == Committed(1)


async def test_a_head_whose_chain_does_not_end_where_it_says_is_not_built_upon(
    system: System, make_system: Callable[..., System]
) -> None:
    await commit(system, usage("a"))
    await commit(make_system(), usage("b"))
    await system.database.write(
        lambda connection: connection.execute(
            "UPDATE heads SET document = replace(document, 'last_hash\":\"', 'last_hash\":\"0')"
        )
    )
    with pytest.raises(LedgerBroken, match="not the one its head names"):
        await commit(system, usage("c"))
