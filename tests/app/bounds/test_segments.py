"""A ledger over several logical partitions: opened by size, chained, and never split by a crash."""

from collections.abc import Awaitable, Callable

import pytest

from metering.app.ledger import committer
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.rerating import Scope
from metering.core.reports.breakdown import GROUPS
from tests.app.bounds.harm import Documents
from tests.app.bounds.test_sizes import ingest
from tests.builders import AT, body, price_rows
from tests.doubles.cosmos import CosmosPeer, Fault
from tests.systems import System

LEDGER = LedgerId("sub-1", month_of(AT).start)
DUE = month_of(AT).end + 5 * DAY


class Ended(BaseException):
    """A process has ended: nothing of it runs on."""


type Make = Callable[..., Awaitable[System]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close a segment after about four pages of one entry; wait for nothing."""
    monkeypatch.setattr("metering.core.ledger.commit.MAX_SEGMENT_BYTES", 4_000)
    monkeypatch.setattr(committer, "_FIRST_PAUSE_S", 0)


async def segments(system: System) -> tuple[int, ...]:
    stored = await system.store.read_head(LEDGER)
    assert stored is not None
    return stored.head.segments


async def test_a_ledger_goes_on_in_the_next_segment(
    process: System, make_process: Make, kind: str, request: pytest.FixtureRequest
) -> None:
    for number in range(20):
        await ingest(process, body(id=f"r-{number}", data__model=f"m-{number % 3}"))
    first = await segments(process)
    assert len(first) >= 3
    if kind == "cosmos":
        peer: CosmosPeer = request.getfixturevalue("peer")
        found = {one["ledger"] for one in peer.documents("metering", "ledgers")}
        names = [f"{LEDGER}#{number}" for number in range(2, len(first) + 1)]
        assert {str(LEDGER), *names} <= found
        pages = [one for one in peer.documents("metering", "ledgers") if "number" in one]
        assert max(sum(one["ledger"] == name for one in pages) for name in found) <= 6
    fresh = await make_process()
    assert await segments(fresh) == first
    # Ids are looked up in every segment, whichever process asks.
    again = await ingest(
        fresh, *(body(id=f"r-{n}", data__model=f"m-{n % 3}") for n in range(20)), body(id="new")
    )
    assert (again.accepted, again.duplicates) == (1, 20)
    assert (await fresh.verify.one(LEDGER)).faults == ()
    assert await fresh.store.ledgers() == [LEDGER]
    assert len([page async for page in fresh.store.pages(LEDGER, after=3)]) == 18


async def test_everything_that_reads_a_ledger_reads_all_segments(
    process: System, make_process: Make
) -> None:
    # 30 requests of three models without a price, 1,100 tokens each.
    for number in range(30):
        await ingest(process, body(id=f"r-{number}", data__model=f"m-{number % 3}"))
    while await process.roll_up.run():
        pass
    rows = await process.read.usage("sub-1", month_of(AT), GROUPS)
    assert sum(row.line.requests for row in rows) == 30
    assert len(await process.effects.effects_of(LEDGER, 10)) == 3
    assert await process.deliver.run() == 3
    assert await process.deliver.run() == 0
    process = await make_process()
    process.app.tenancy.committed = price_rows({"aliases": ["m-0", "m-1", "m-2"]})
    rerated = await process.app.rerate.ledger(LEDGER, Scope.UNPRICED, dry_run=False)
    assert rerated.corrected == 30
    verdict = await process.verify.one(LEDGER)
    # 30 x 0.0035 = 0.105
    assert (verdict.faults, verdict.amount) == ((), 105 * 10**15)
    closed, _ = await process.close(DUE)
    # A total is in cents, half to even: 0.105 is 0.10.
    assert [one.total for one in closed] == [100 * 10**15]


@pytest.mark.parametrize("edge", ["before", "after"])
async def test_a_crash_at_the_seam_loses_nothing_and_counts_nothing_twice(
    make_process: Make, edge: str
) -> None:
    counted = 0
    for number in range(16):
        # Every commit is cut off once, by a process that ends there, and delivered again.
        doomed = await make_process()

        def die() -> None:
            raise Ended

        getattr(doomed.store, edge).append(die)
        with pytest.raises(Ended):
            await ingest(doomed, body(id=f"r-{number}"))
        if number % 4 == 3:
            survivor = await make_process()
            batch = [body(id=f"r-{n}") for n in range(number + 1)]
            tally = await ingest(survivor, *batch)
            counted += tally.accepted
            assert tally.accepted + tally.duplicates == number + 1
    last = await make_process()
    verdict = await last.verify.one(LEDGER)
    assert (verdict.faults, verdict.entries) == ((), 16)
    assert len(await segments(last)) >= 1
    assert counted == (16 if edge == "before" else 0)


@pytest.mark.parametrize("kind", ["cosmos"], indirect=True)
@pytest.mark.parametrize("what", ["succeed_then_time_out", "drop_connection"])
async def test_a_lost_answer_at_the_seam_is_read_again(
    make_process: Make, peer: CosmosPeer, what: str
) -> None:
    system = await make_process()
    for number in range(16):
        for kind in ("create", "batch"):
            peer.faults.add(Fault(what=what, kind=kind, container="ledgers", hold_s=0))  # type: ignore[arg-type]
        try:
            await ingest(system, body(id=f"r-{number}"))
        except RetryableError:
            await ingest(system, body(id=f"r-{number}"))
        peer.faults.clear()
    verdict = await (await make_process()).verify.one(LEDGER)
    assert (verdict.faults, verdict.entries) == ((), 16)


async def test_two_writers_meet_at_the_seam(make_process: Make) -> None:
    one, other = await make_process(), await make_process()
    for number in range(24):
        await ingest(one if number % 2 else other, body(id=f"r-{number}"))
    assert len(await segments(one)) >= 3
    assert await segments(one) == await segments(other)
    verdict = await one.verify.one(LEDGER)
    assert (verdict.faults, verdict.entries) == ((), 24)


async def test_a_quiet_ledger_keeps_its_duplicates_and_checkpoint_in_its_last_segment(
    process: System, make_process: Make
) -> None:
    for number in range(7):
        await ingest(process, body(id=f"r-{number}"))
    await process.roll_up.run()
    await process.roll_up.run()
    fresh = await make_process()
    await ingest(fresh, body(id="r-0"))
    stored = await (await make_process()).store.read_head(LEDGER)
    assert stored is not None
    assert (stored.checkpoint, stored.head.pages, stored.head.diagnostics.duplicates) == (7, 7, 1)


async def test_a_ledger_of_segments_is_repaired(
    process: System, make_process: Make, documents: Documents
) -> None:
    for number in range(20):
        await ingest(process, body(id=f"r-{number}"))
    begins = await segments(process)
    await documents.remove_page(LEDGER, begins[1] + 1)
    fresh = await make_process()
    assert f"page {begins[1] + 1} is missing" in (await fresh.verify.one(LEDGER)).faults[0]
    await fresh.app.repair.apply(LEDGER, lambda _: None)
    repaired = await make_process()
    assert (await repaired.verify.one(LEDGER)).faults == ()
    assert (await segments(repaired))[:2] == begins[:2]
    again = await ingest(repaired, *(body(id=f"r-{n}") for n in range(20)))
    assert again.accepted == 20 - begins[1]
    assert (await (await make_process()).verify.one(LEDGER)).faults == ()


@pytest.mark.parametrize("kind", ["cosmos"], indirect=True)
async def test_a_page_of_one_event_takes_less_than_700_bytes(
    process: System, peer: CosmosPeer
) -> None:
    names = {
        "data__region": "swedencentral",
        "data__api": "azure-openai",
        "data__operation": "chat-completions",
        "data__backend": "contoso-sweden",
        "data__product": "internal",
        "data__provider": "azure.openai",
        "data__requested_model": "gpt-4o",
        "data__use_case": "helpdesk-faq",
    }
    for number in range(4):
        id_ = f"6f0c3a52-1111-2222-3333-44445555666{number}"
        await ingest(process, body(id=id_, data__end_user=f"user-{number}@contoso.com", **names))
    items = peer.documents("metering", "ledgers")
    pages = [{k: v for k, v in one.items() if k[0] != "_"} for one in items if "number" in one]
    import json  # noqa: PLC0415

    sizes = [len(json.dumps(one, separators=(",", ":"))) for one in pages]
    # The first page also has the limits and the past of the tenant.
    assert max(sizes[1:]) < 700
