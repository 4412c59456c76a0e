"""Reading a ledger: complete and chained on every store, or an error that says which it is."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from metering.app.ledger.reading import (
    head_of,
    listed_head,
    pages,
    pages_of_slots,
    stored_pages,
)
from metering.bootstrap import Stores
from metering.core.basics.errors import LedgerBroken, LedgerLagError, RetryableError
from metering.core.calendars.periods import SLOT, LedgerId, Slot, month_of, slot_of
from metering.core.ledger.chain import START, Position
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.ports import LedgerStore, StoredHead
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
OTHER = "f" * 64


@dataclass
class Behind:
    """A store whose queries, point reads and heads lag, or hold something else than was written."""

    store: LedgerStore
    left_out: set[int] = field(default_factory=set)
    """Pages that queries do not return."""
    gone: set[int] = field(default_factory=set)
    """Pages that point reads do not find."""
    changed: dict[int, Page] = field(default_factory=dict)
    heads: list[StoredHead | None] = field(default_factory=list)
    """Answers to the next reads of the head."""
    point_reads: list[int] = field(default_factory=list)
    open_queries: int = 0

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        return self.heads.pop(0) if self.heads else await self.store.read_head(ledger)

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        self.point_reads.append(number)
        return None if number in self.gone else await self.store.read_page(ledger, number)

    async def read_slots(self, ledger: LedgerId, slots: list[Slot]) -> list[Page]:
        found = await self.store.read_slots(ledger, slots)
        return [page for page in found if page.number not in self.left_out]

    async def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        self.open_queries += 1
        try:
            async for page in self.store.pages(ledger, after=after):
                if page.number not in self.left_out:
                    yield self.changed.get(page.number, page)
        finally:
            self.open_queries -= 1


@pytest.fixture
async def written(stores: Stores) -> list[Page]:
    """Commit five pages, two of them in one commit."""
    head = Head(LEDGER)
    written: list[Page] = []
    for batch in (["a"], ["b", "c"], ["d"], ["e"]):
        usages = [usage(id_, time=AT + place * SLOT) for place, id_ in enumerate(batch)]
        commit = plan_commit(head, {}, usages, rating(), NOW)
        await stores.ledgers.commit(commit)
        head = commit.head
        written.extend(commit.pages)
    return written


@pytest.fixture
def behind(stores: Stores) -> Any:
    return Behind(stores.ledgers)


def position(page: Page) -> Position:
    return Position(page.number, page.hash)


async def read(store: Any, **span: Position) -> list[Page]:
    found = [page async for page in pages(store, LEDGER, **span)]
    assert getattr(store, "open_queries", 0) == 0
    return found


async def test_the_pages_of_a_ledger_are_read_through_its_head(
    stores: Stores, make_stores: Callable[[], Stores], written: list[Page]
) -> None:
    assert await read(make_stores().ledgers) == written
    head = await head_of(stores.ledgers, LEDGER)
    assert head is not None
    assert head.position == position(written[-1])
    assert await listed_head(stores.ledgers, LEDGER) == head


async def test_a_ledger_without_a_commit_has_no_head_and_no_pages(stores: Stores) -> None:
    assert await head_of(stores.ledgers, LEDGER) is None
    assert await read(stores.ledgers) == []


async def test_reading_begins_after_one_position_and_ends_at_another(
    behind: Any, written: list[Page]
) -> None:
    found = await read(behind, since=position(written[0]), through=position(written[2]))
    assert found == written[1:3]
    assert await read(behind, since=position(written[4])) == []
    assert await read(behind, since=position(written[3]), through=position(written[1])) == []
    assert behind.point_reads == []


async def test_a_reader_that_stops_early_leaves_no_query_open(
    behind: Any, written: list[Page]
) -> None:
    found = pages(behind, LEDGER)
    async with aclosing(found):
        async for page in found:
            assert page == written[0]
            break
    assert behind.open_queries == 0


@pytest.mark.parametrize("left_out", [{1}, {3}, {2, 3}, {5}, {4, 5}, {1, 2, 3, 4, 5}])
async def test_pages_that_a_query_leaves_out_are_read_by_number(
    behind: Any, written: list[Page], left_out: set[int]
) -> None:
    behind.left_out = left_out
    assert await read(behind) == written
    assert set(behind.point_reads) == left_out
    # A query may leave out the last page wanted and some after it: those are left out, too.
    behind.left_out = {3, 4}
    assert await read(behind, through=position(written[2])) == written[:3]


@pytest.mark.parametrize("first", [1, 4, 5])
async def test_pages_that_no_read_finds_and_none_follows_are_waited_for(
    behind: Any, written: list[Page], first: int
) -> None:
    behind.left_out = behind.gone = set(range(first, 6))
    with pytest.raises(LedgerLagError, match=rf"ledger acme\|.*: page {first} is not there yet"):
        await read(behind, through=position(written[4]))
    # Whoever waits for throttling waits for this in the same way.
    assert issubclass(LedgerLagError, RetryableError)
    behind.gone = set()
    assert await read(behind) == written


@pytest.mark.parametrize("hole", [1, 2, 4])
async def test_a_page_that_has_gone_before_a_later_one_breaks_the_ledger(
    behind: Any, written: list[Page], hole: int
) -> None:
    behind.left_out = behind.gone = {hole}
    with pytest.raises(LedgerBroken, match=f"page {hole} is missing: page {hole + 1} follows"):
        await read(behind)
    # The page after the last one wanted proves it, too; it does not where none is there.
    through = position(written[hole - 1])
    with pytest.raises(LedgerBroken, match=f"page {hole} is missing: page {hole + 1} follows"):
        await read(behind, through=through)


async def test_a_page_that_names_another_one_before_it_breaks_the_ledger(
    behind: Any, written: list[Page]
) -> None:
    behind.changed = {3: replace(written[2], previous=OTHER)}
    with pytest.raises(LedgerBroken, match="page 3 does not follow the page before it"):
        await read(behind)
    behind.changed = {}
    with pytest.raises(LedgerBroken, match="page 2 does not follow the page before it"):
        await read(behind, since=Position(1, OTHER))


async def test_a_page_with_another_number_breaks_the_ledger(
    behind: Any, written: list[Page]
) -> None:
    behind.changed = {3: replace(written[2], number=2)}
    with pytest.raises(LedgerBroken, match="page 3 is missing: page 2 follows"):
        await read(behind)


async def test_another_page_than_the_recorded_last_one_breaks_the_ledger(
    behind: Any, written: list[Page]
) -> None:
    reason = "page 5 does not have the hash that was recorded for it"
    with pytest.raises(LedgerBroken, match=reason):
        await read(behind, through=Position(5, OTHER))
    with pytest.raises(LedgerBroken, match=reason):
        await read(behind, since=position(written[4]), through=Position(5, OTHER))
    behind.changed = {5: replace(written[4], hash=OTHER)}
    with pytest.raises(LedgerBroken, match=reason):
        await read(behind)


async def test_a_head_that_comes_with_the_first_commit_is_found(
    behind: Any, written: list[Page]
) -> None:
    behind.heads = [None]
    assert await read(behind) == written


async def test_a_head_that_has_gone_breaks_the_ledger(behind: Any, written: list[Page]) -> None:
    assert written
    behind.heads = [None, None]
    with pytest.raises(LedgerBroken, match="it has pages and no head"):
        await read(behind)


async def test_a_listed_ledger_whose_head_is_not_there_is_waited_for(behind: Any) -> None:
    with pytest.raises(LedgerLagError, match="its head is not there yet"):
        await listed_head(behind, LEDGER)


async def test_what_is_committed_meanwhile_is_left_out(
    behind: Any, stores: Stores, written: list[Page]
) -> None:
    stored = await stores.ledgers.read_head(LEDGER)
    assert stored is not None
    more = plan_commit(stored.head, {}, [usage("late")], rating(), NOW)
    await stores.ledgers.commit(more)
    behind.heads = [stored]
    assert await read(behind) == written
    assert await read(behind) == [*written, *more.pages]


async def test_the_pages_of_slots_are_completed_by_number(behind: Any, written: list[Page]) -> None:
    slot = slot_of(AT)
    wanted = [page.number for page in written if page.slot == slot]
    assert wanted == [1, 2, 4, 5]
    behind.left_out = {2, 5}
    found = await pages_of_slots(behind, LEDGER, [slot], wanted)
    assert [page.number for page in found] == wanted
    assert await pages_of_slots(behind, LEDGER, [slot], [1]) == written[:1]
    behind.gone = {5}
    with pytest.raises(LedgerLagError, match="page 5 is not there yet"):
        await pages_of_slots(behind, LEDGER, [slot], wanted)


async def test_stored_pages_are_given_without_any_check_so_that_all_faults_are_found(
    behind: Any, written: list[Page]
) -> None:
    behind.left_out = behind.gone = {2}
    behind.changed = {4: replace(written[3], previous=OTHER)}
    through = position(written[4])
    found = stored_pages(behind, LEDGER, since=START, through=through)
    assert [page.number async for page in found] == [1, 3, 4, 5]
