"""RollupStore: a cursor and parts that are written together or not at all."""

from collections.abc import Callable, Collection, Iterable

import pytest

from metering.bootstrap import Stores
from metering.core.basics.errors import HeadMovedError
from metering.core.basics.instants import DAY
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.page import Page
from metering.core.reports.rollup import ALL_PARTS, Cursor, Intake, Part, PartName
from metering.core.reports.rollup_document import Step, step_of
from metering.core.usage.usage import Usage
from tests.builders import AT, usage
from tests.core.rollups import LEDGER, pages_of


def step(cursor: Cursor, pages: Iterable[Page], parts: Collection[Part] = ()) -> Step:
    intake = Intake(cursor)
    for page in pages:
        intake.add(page)
    return step_of(intake, parts)


def first(*usages: Usage) -> Step:
    return step(Cursor(LEDGER), pages_of(usages))


async def parts(
    stores: Stores, names: Collection[PartName], ledger: LedgerId = LEDGER
) -> dict[PartName, Part]:
    return {part.name: part async for part in stores.rollups.parts(ledger, names)}


async def test_a_ledger_without_a_rollup_has_no_cursor_and_no_parts(stores: Stores) -> None:
    assert await stores.rollups.read_cursor(LEDGER) is None
    assert await parts(stores, [PartName("2026-11-20", 0)]) == {}
    assert await parts(stores, []) == {}


async def test_what_was_written_reads_back_the_same_in_every_process(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    made = first(usage("a", end_user="ü\u2028\x7f|"), usage("b"), usage("c", time=AT - DAY))
    etag = await stores.rollups.write_rollup(made, None)
    other = make_stores()
    assert await other.rollups.read_cursor(LEDGER) == (made.cursor, etag)
    wanted = {part.name: part for part in made.parts}
    assert await parts(other, made.cursor.parts.keys()) == wanted
    name = made.parts[0].name
    assert await parts(other, [name, PartName("2026-11-02", 1)]) == {name: made.parts[0]}


async def test_a_write_replaces_what_changed_and_leaves_the_rest(stores: Stores) -> None:
    pages = pages_of([usage("a")], [usage("b", time=AT - DAY)])
    one = step(Cursor(LEDGER), pages[:1])
    etag = await stores.rollups.write_rollup(one, None)
    two = step(one.cursor, pages, one.parts)
    newer = await stores.rollups.write_rollup(two, etag)
    assert newer != etag
    assert await stores.rollups.read_cursor(LEDGER) == (two.cursor, newer)
    found = await parts(stores, two.cursor.parts.keys())
    assert found == {part.name: part for part in (*one.parts, *two.parts)}


async def test_a_write_on_a_cursor_that_has_moved_writes_nothing(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    pages = pages_of([usage("a")], [usage("b")], [usage("c", time=AT - DAY)])
    one = step(Cursor(LEDGER), pages[:1])
    etag = await stores.rollups.write_rollup(one, None)
    two = step(one.cursor, pages[:2], one.parts)
    newer = await make_stores().rollups.write_rollup(two, etag)
    three = step(one.cursor, pages, one.parts)
    for stale in (etag, None):
        with pytest.raises(HeadMovedError):
            await stores.rollups.write_rollup(three, stale)
    assert await stores.rollups.read_cursor(LEDGER) == (two.cursor, newer)
    found = await parts(stores, three.cursor.parts.keys())
    assert found == {part.name: part for part in two.parts}


async def test_a_write_on_a_cursor_that_is_not_there_writes_nothing(stores: Stores) -> None:
    made = first(usage("a"))
    with pytest.raises(HeadMovedError):
        await stores.rollups.write_rollup(made, '"7"')
    assert await stores.rollups.read_cursor(LEDGER) is None
    assert await parts(stores, made.cursor.parts.keys()) == {}


async def test_a_reset_begins_again_and_a_write_from_before_it_is_refused(stores: Stores) -> None:
    made = first(usage("a"))
    etag = await stores.rollups.write_rollup(made, None)
    for _ in range(2):
        again = await stores.rollups.reset_rollup(LEDGER)
    assert await stores.rollups.read_cursor(LEDGER) == (Cursor(LEDGER), again)
    with pytest.raises(HeadMovedError):
        await stores.rollups.write_rollup(made, etag)
    await stores.rollups.write_rollup(made, again)
    assert await parts(stores, made.cursor.parts.keys()) == {p.name: p for p in made.parts}


async def test_a_rollup_that_was_never_written_can_be_reset(stores: Stores) -> None:
    etag = await stores.rollups.reset_rollup(LEDGER)
    assert await stores.rollups.read_cursor(LEDGER) == (Cursor(LEDGER), etag)


async def test_a_rollup_never_shows_parts_of_another_ledger(stores: Stores) -> None:
    other = LedgerId("acme.b", LEDGER.start)
    made = first(usage("a"))
    await stores.rollups.write_rollup(made, None)
    assert await parts(stores, made.cursor.parts.keys(), other) == {}
    assert await stores.rollups.read_cursor(other) is None
    await stores.rollups.reset_rollup(other)
    assert await parts(stores, made.cursor.parts.keys()) == {p.name: p for p in made.parts}


async def test_a_month_of_full_days_is_written_in_steps_and_read_at_once(stores: Stores) -> None:
    cursor, etag = Cursor(LEDGER), None
    days = [
        [usage(f"{day}-{n}", time=AT - day * DAY, end_user=f"u-{n}") for n in range(150)]
        for day in range(19)
    ]
    pages = pages_of(*days)
    while cursor.page < len(pages):
        # Ten days of nine parts and the cursor are 91 operations.
        made = step(cursor, pages[cursor.page : cursor.page + 10])
        etag = await stores.rollups.write_rollup(made, etag)
        cursor = made.cursor
    found = await parts(stores, cursor.parts.keys())
    assert len(found) == 19 * ALL_PARTS
    requests = [count.line.requests for part in found.values() for count in part.counts.values()]
    assert sum(requests) == 2 * 19 * 150
