"""A ledger that a restore left halfway, or that a store has rounded: named, parked, repaired."""

import json
from collections.abc import Awaitable, Callable

import pytest

from metering.core.basics.documents import Document
from metering.core.basics.errors import ConfigurationError
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.page import seal
from metering.core.usage import event
from tests.app.bounds.harm import Documents
from tests.app.bounds.test_numbers import metered
from tests.app.bounds.test_sizes import ingest
from tests.builders import AT, body
from tests.systems import System

LEDGER = LedgerId("sub-1", month_of(AT).start)

type Make = Callable[..., Awaitable[System]]


async def faults(system: System) -> tuple[str, ...]:
    return (await system.verify.one(LEDGER)).faults


async def restored_halfway(system: System, documents: Documents) -> None:
    """Leave pages 1 and 2, and pages 5 to 7 with their effects, of a ledger of seven."""
    for number in range(7):
        await ingest(system, body(id=f"r-{number}", data__model=f"m-{number}"))
    for number in (3, 4):
        await documents.remove_page(LEDGER, number)


async def test_a_head_behind_its_pages_parks_its_own_events_and_is_repaired(
    process: System, make_process: Make, documents: Documents, kind: str
) -> None:
    await restored_halfway(process, documents)
    fresh = await make_process()
    named = await faults(fresh)
    assert named[0] == "page 3 is missing: page 5 follows"
    # A file folds all pages into the head at once, so it ends at the first fault.
    assert any("page 5 is there (3 in all)" in one for one in named) == (kind == "cosmos")
    tally = await ingest(fresh, body(id="new"), body(id="other", subject="sub-2"))
    assert (tally.accepted, tally.rejected) == (1, {"ledger_stopped": 1})
    kept: list[Document] = []
    found = await fresh.app.repair.look(LEDGER)
    # Pages 5 to 7, and an effect each of pages 3 to 7.
    assert (found.head.pages, len(found.beyond), found.is_sound) == (2, 8, False)
    await fresh.app.repair.apply(LEDGER, kept.append)
    assert len(kept) == 8
    assert json.dumps(kept)
    repaired = await make_process()
    assert await faults(repaired) == ()
    assert (await repaired.app.repair.look(LEDGER)).is_sound
    letters = await repaired.dead_letters.list_dead_letters(10)
    assert (await repaired.letters.replay(letters)).accepted == 1
    # What is sent again counts once: two requests are there already.
    again = await ingest(repaired, *(body(id=f"r-{n}", data__model=f"m-{n}") for n in range(7)))
    assert (again.accepted, again.duplicates) == (5, 2)
    while await repaired.roll_up.run():
        pass
    assert await faults(repaired) == ()


@pytest.mark.parametrize("effects", [1, 3])
async def test_an_effect_without_its_page_is_named_and_set_aside(
    process: System, make_process: Make, documents: Documents, effects: int
) -> None:
    await ingest(process, body(id="r-0"))
    await ingest(process, *(body(id=f"r-{n}", data__model=f"m-{n}") for n in range(1, effects + 1)))
    await documents.remove_page(LEDGER, 2)
    fresh = await make_process()
    assert await faults(fresh) == (
        f"effect-00000002-{effects - 1} is there without its page: `metering repair` sets it aside",
    )
    tally = await ingest(fresh, body(id="new", data__model="m-9"))
    assert tally.rejected == {"ledger_stopped": 1}
    found = await fresh.app.repair.apply(LEDGER, lambda _: None)
    assert len(found.beyond) == effects
    repaired = await make_process()
    assert await faults(repaired) == ()
    assert (await ingest(repaired, body(id="new", data__model="m-9"))).accepted == 1


async def test_a_lost_last_page_before_a_checkpoint_is_repaired(
    process: System, make_process: Make, documents: Documents
) -> None:
    for number in range(16):
        await ingest(process, body(id=f"r-{number}"))
    await documents.remove_page(LEDGER, 16)
    fresh = await make_process()
    assert "page 16 is missing: the head counts 16" in await faults(fresh)
    await fresh.app.repair.apply(LEDGER, lambda _: None)
    repaired = await make_process()
    assert await faults(repaired) == ()
    assert (await ingest(repaired, body(id="r-15"))).accepted == 1


async def test_a_lost_head_is_folded_again(
    process: System, make_process: Make, documents: Documents
) -> None:
    for number in range(3):
        await ingest(process, body(id=f"r-{number}"))
    await documents.remove_head(LEDGER)
    fresh = await make_process()
    assert await faults(fresh) == ("it has pages and no head",)
    await fresh.app.repair.apply(LEDGER, lambda _: None)
    assert await faults(await make_process()) == ()


async def test_a_damaged_page_is_not_cut_off_unless_asked_for(
    process: System, make_process: Make, documents: Documents
) -> None:
    for number in range(3):
        await ingest(process, body(id=f"r-{number}"))
    await documents.change_page(LEDGER, 2, committed=1)
    fresh = await make_process()
    with pytest.raises(ConfigurationError, match="page-00000002 does not match its hash: restore"):
        await fresh.app.repair.apply(LEDGER, lambda _: None)
    kept: list[Document] = []
    await fresh.app.repair.apply(LEDGER, kept.append, cut=True)
    assert [one["number"] for one in kept] == [2, 3]
    repaired = await make_process()
    assert await faults(repaired) == ()
    again = await ingest(repaired, *(body(id=f"r-{n}") for n in range(3)))
    assert (again.accepted, again.duplicates) == (2, 1)


async def test_a_page_that_does_not_follow_the_one_before_is_damaged(
    process: System, make_process: Make, documents: Documents
) -> None:
    for number in range(3):
        await ingest(process, body(id=f"r-{number}"))
    page = await process.store.read_page(LEDGER, 2)
    assert page is not None
    _, content = seal(
        LEDGER, page.slot, page.entries, number=2, previous="f" * 64, committed=page.committed
    )
    stored = json.loads(content)
    changed = {name: stored[name] for name in ("previous", "hash")}
    await documents.change_page(LEDGER, 2, **changed)
    fresh = await make_process()
    with pytest.raises(ConfigurationError, match="restore"):
        await fresh.app.repair.apply(LEDGER, lambda _: None)


@pytest.mark.parametrize("kind", ["cosmos"], indirect=True)
@pytest.mark.parametrize("meter", ["unpriced", "vector-search"])
async def test_counts_that_the_store_has_rounded_are_restored(
    process: System,
    make_process: Make,
    monkeypatch: pytest.MonkeyPatch,
    meter: str,
) -> None:
    # As before 2026-11-30: quantities up to 10^12, written as numbers whatever their size.
    quantities = ("600000000001", "9007199254.740993", "3")
    with monkeypatch.context() as before:
        before.setattr(event, "MAX_QUANTITY", 10**12)
        before.setattr(
            "metering.adapters.cosmos.ledger.page_item",
            lambda _page, content, _segment: json.loads(content),
        )
        before.setattr("metering.core.ledger.page.EXACT", 10**30)
        before.setattr("metering.core.basics.documents.EXACT", 10**30)
        for n, quantity in enumerate(quantities):
            await ingest(process, metered(f"m-{n}", quantity, meter))
    fresh = await make_process()
    assert "2^53" in (await faults(fresh))[0]
    found = await fresh.app.repair.apply(LEDGER, lambda _: None)
    assert [page.number for page in found.restored] == [1, 2]
    repaired = await make_process()
    assert await faults(repaired) == ()
    exact = [page.entries[0].state.buckets[-1] async for page in repaired.store.pages(LEDGER)]
    assert exact == [600_000_000_001_000_000, 9_007_199_254_740_993, 3_000_000]
    assert (await ingest(repaired, metered("m-3", "1", meter))).accepted == 1
