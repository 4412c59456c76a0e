"""The commit protocol: whatever goes wrong between two steps, every event counts once."""

import asyncio
from collections.abc import Callable

import pytest

from metering.app.ledger import committer
from metering.app.ledger.committer import Committed
from metering.core.basics.errors import HeadMovedError, RetryableError
from metering.core.basics.instants import HOUR
from metering.core.calendars.periods import SLOT, LedgerId
from metering.core.usage.evidence import Evidence
from tests.app.committing import EDGE, LEDGER, OCTOBER, System, amount, commit, fail
from tests.builders import AT, usage


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
    monkeypatch.setattr("metering.core.ledger.commit.MAX_COMMIT_BYTES", 3_500)
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
    monkeypatch.setattr("metering.app.ledger.ledger_view.MAX_ENTRIES", 30)
    system = make_system()
    for number in range(3):
        await commit(system, usage("a"), ledger=LedgerId(f"t-{number}", LEDGER.start))
    await commit(system, usage("a"), ledger=LedgerId("t-2", LEDGER.start))
    assert system.store.queries == 3
    await commit(system, usage("a"), ledger=LedgerId("t-0", LEDGER.start))
    assert system.store.queries == 4


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
