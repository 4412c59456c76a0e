"""A rollup of a day with more names than it has room for: bounded, exact, and told once."""

import pytest

from metering.core.calendars.periods import LedgerId, month_of
from metering.core.prices.rating import OTHER_NAMES
from metering.core.reports import rollup_document
from metering.core.reports.breakdown import GROUPS
from tests.app.bounds.test_sizes import ingest
from tests.builders import AT, body
from tests.systems import System

LEDGER = LedgerId("sub-1", month_of(AT).start)


async def flood(system: System, numbers: range, length: int = 256) -> None:
    await ingest(
        system,
        *(body(id=f"u-{n}", data__end_user=str(n).rjust(length, "я")) for n in numbers),
    )


async def test_thousands_of_long_names_in_a_day_stop_nobodys_rollup(process: System) -> None:
    # 6,000 names of 512 bytes: 3 MB, and a batch takes 2.
    for first in range(0, 6_000, 1_000):
        await flood(process, range(first, first + 1_000))
    await ingest(process, *(body(id=f"o-{n}", subject="sub-2") for n in range(3)))
    while await process.roll_up.run():
        pass
    told = [one for one in process.alerts.messages if "rollup" in one]
    assert len(told) == 1
    assert told[0].startswith(f"ledger {LEDGER}: more names of users, use cases and others on 2026")
    assert f"with the fewest requests are counted as {OTHER_NAMES!r}" in told[0]
    for ledger in (LEDGER, LEDGER._replace(tenant="sub-2")):
        assert (await process.verify.one(ledger)).faults == ()
        stored = await process.rollups.read_cursor(ledger)
        assert stored is not None
        head = await process.store.read_head(ledger)
        assert head is not None
        assert stored.cursor.page == head.head.pages
    rows = await process.read.usage("sub-1", month_of(AT), GROUPS)
    by_model = await process.read.usage("sub-1", month_of(AT), ("model",))
    assert [(row.group, row.line.requests) for row in by_model] == [(("gpt-4o",), 6_000)]
    # 6,000 x 0.0035 = 21
    assert sum(row.amount or 0 for row in rows) == 21 * 10**18
    assert sum(row.line.requests for row in rows) == 6_000
    assert sum(row.line.requests for row in rows if row.group[6] == OTHER_NAMES) > 0


@pytest.mark.parametrize("bound", [600, 1_500, 4_000])
async def test_whatever_the_bound_the_pages_prove_the_rollup(
    process: System, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    monkeypatch.setattr(rollup_document, "MAX_PART_BYTES", bound)
    for step in range(5):
        await flood(process, range(step * 20, step * 20 + 40), length=8)
        # One user is seen in every step: whether it keeps its row is a matter of rank.
        await ingest(
            process, *(body(id=f"k-{step}-{n}", data__end_user="known") for n in range(50))
        )
        await process.roll_up.run()
        assert (await process.verify.one(LEDGER)).faults == ()
    rows = await process.read.usage("sub-1", month_of(AT), GROUPS)
    # 120 distinct ids of the flood and 250 of the known user.
    assert sum(row.line.requests for row in rows) == 370
    known = [row.line.requests for row in rows if row.group[6] == "known"]
    # It has the most requests, so it keeps its row wherever there is room for any.
    assert known == [250] or bound == 600


async def test_a_flood_of_use_cases_takes_no_deployment_out_of_the_summary(
    process: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_document, "MAX_PART_BYTES", 4_000)
    await ingest(
        process,
        *(
            body(id=f"c-{n}", data__use_case=f"case-{n:04d}", data__deployment=f"d-{n % 2}")
            for n in range(400)
        ),
    )
    await process.roll_up.run()
    assert (await process.verify.one(LEDGER)).faults == ()
    rows = await process.read.usage("sub-1", month_of(AT), ("deployment",))
    assert [(row.group, row.line.requests) for row in rows] == [(("d-0",), 200), (("d-1",), 200)]
    cases = await process.read.usage("sub-1", month_of(AT), ("use_case",))
    assert (OTHER_NAMES,) in [row.group for row in cases]
