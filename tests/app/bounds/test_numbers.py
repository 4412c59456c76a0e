"""Numbers beyond 2^53: refused where a caller chooses them, exact wherever they add up."""

import json

import pytest

from metering.core.calendars.periods import LedgerId, month_of
from metering.core.usage.event import MAX_QUANTITY
from tests.app.bounds.test_sizes import ingest
from tests.builders import AT, meter_event
from tests.systems import System

LEDGER = LedgerId("sub-1", month_of(AT).start)


def metered(id_: str, quantity: str, meter: str = "unpriced") -> bytes:
    event = meter_event(id=id_, data__quantity=quantity, data__meter=meter)
    return json.dumps(event).encode()


@pytest.mark.parametrize("quantity", ["600000000001", "9007199254.740993", "9000000000.000001"])
async def test_a_quantity_beyond_the_limit_is_refused_with_the_limit(
    process: System, quantity: str
) -> None:
    tally = await ingest(process, metered("big", quantity), metered("small", "1"))
    assert (tally.accepted, tally.rejected) == (1, {"quantity_invalid": 1})
    (letter,) = await process.dead_letters.list_dead_letters(10)
    assert letter.reason == "data.quantity: is not between 0 and 9000000000"


async def test_the_largest_quantity_is_exact(process: System) -> None:
    assert MAX_QUANTITY * 10**6 < 2**53
    await ingest(process, metered("big", f"{MAX_QUANTITY - 1}.999999"))
    (page,) = [page async for page in process.store.pages(LEDGER)]
    assert page.entries[0].state.buckets[-1] == 8_999_999_999_999_999
    assert (await process.verify.one(LEDGER)).faults == ()


async def test_sums_beyond_2_53_are_exact_wherever_they_are_kept(process: System) -> None:
    # Five of 3000000000.000001 are 15000000000.000005, and 2^53 millionths are 9007199254.740992.
    for number in range(20):
        await ingest(process, metered(f"m-{number}", "3000000000.000001"))
    await process.roll_up.run()
    fresh = await process.store.read_head(LEDGER)
    assert fresh is not None
    (line,) = fresh.head.lines.values()
    assert (fresh.checkpoint, line.tokens[-1]) == (16, 60_000_000_000_000_020)
    assert (await process.verify.one(LEDGER)).faults == ()
    (row,) = await process.read.usage("sub-1", month_of(AT), ("model",))
    assert row.line.tokens[-1] == 60_000_000_000_000_020
