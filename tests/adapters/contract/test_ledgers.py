"""LedgerStore: pages and a head that are written together or not at all."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from metering.bootstrap import Stores
from metering.core.basics.errors import HeadMovedError, LedgerBroken
from metering.core.calendars.periods import SLOT, LedgerId, month_of, slot_of
from metering.core.ledger.commit import Commit, plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.page import MAX_ENTRIES, Diagnostics, Page
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
RATE = rating()


def planned(head: Head, *usages: Usage) -> Commit:
    return plan_commit(head, {}, usages, RATE, NOW)


async def pages(stores: Stores, ledger: LedgerId = LEDGER, after: int = 0) -> list[Page]:
    return [page async for page in stores.ledgers.pages(ledger, after=after)]


async def test_a_ledger_without_a_commit_has_no_head_and_no_pages(stores: Stores) -> None:
    assert await stores.ledgers.read_head(LEDGER) is None
    assert await stores.ledgers.read_page(LEDGER, 1) is None
    assert await stores.ledgers.read_slots(LEDGER, [slot_of(AT)]) == []
    assert await pages(stores) == []


async def test_what_was_committed_reads_back_the_same_in_every_process(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    sent = usage("c", time=AT + SLOT, producer="app:1")
    first = usage("a", end_user="ü\u2028\x7f|")
    commit = planned(Head(LEDGER), first, usage("b", time=AT + SLOT), sent)
    await stores.ledgers.commit(commit)
    other = make_stores()
    stored = await other.ledgers.read_head(LEDGER)
    assert stored is not None
    assert stored == (commit.head, 2)
    assert await pages(other) == list(commit.pages)
    assert await other.ledgers.read_page(LEDGER, 2) == commit.pages[1]


async def test_the_last_slots_come_once_for_each_of_their_pages(stores: Stores) -> None:
    first = planned(Head(LEDGER), usage("a"), usage("b", time=AT + SLOT))
    await stores.ledgers.commit(first)
    second = planned(first.head, usage("c"), usage("d", time=AT + 5 * SLOT))
    await stores.ledgers.commit(second)
    slot = slot_of(AT)
    assert await stores.ledgers.latest_slots(LEDGER, slot + 6, 9) == [
        slot + 5,
        slot + 1,
        slot,
        slot,
    ]
    assert await stores.ledgers.latest_slots(LEDGER, slot + 5, 2) == [slot + 1, slot]
    assert await stores.ledgers.latest_slots(LEDGER, slot, 9) == []
    assert await stores.ledgers.latest_slots(LEDGER._replace(tenant="x"), slot + 6, 9) == []


async def test_a_commit_on_a_head_that_has_moved_writes_nothing(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    first = planned(Head(LEDGER), usage("a"))
    await stores.ledgers.commit(first)
    second = planned(first.head, usage("b"))
    await make_stores().ledgers.commit(second)
    late = planned(first.head, usage("c"), usage("d", time=AT + SLOT))
    with pytest.raises(HeadMovedError):
        await stores.ledgers.commit(late)
    assert await pages(stores) == [*first.pages, *second.pages]
    stored = await stores.ledgers.read_head(LEDGER)
    assert stored is not None
    assert stored.head == second.head


async def test_of_two_first_commits_one_is_refused_whole(stores: Stores) -> None:
    await stores.ledgers.commit(planned(Head(LEDGER), usage("a")))
    with pytest.raises(HeadMovedError):
        await stores.ledgers.commit(planned(Head(LEDGER), usage("b")))
    assert len(await pages(stores)) == 1


def again(head: Head, page: Page) -> Commit:
    """Plan a commit of an event that a page has already."""
    entry = page.entries[0]
    known = {page.slot: {entry.key: (page, 0)}}
    return plan_commit(head, known, [usage(entry.id)], RATE, NOW)


async def test_duplicates_alone_are_noted_without_a_page(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    first = planned(Head(LEDGER), usage("a"))
    await stores.ledgers.commit(first)
    second = planned(first.head, usage("b"))
    await make_stores().ledgers.commit(second)
    # One process is up to date, another is a page behind: neither takes anything away.
    for head in (second.head, first.head, second.head):
        await stores.ledgers.commit(again(head, first.pages[0]))
    stored = await make_stores().ledgers.read_head(LEDGER)
    assert stored is not None
    assert stored.head == replace(second.head, diagnostics=Diagnostics(duplicates=3))
    assert len(await pages(stores)) == 2


async def test_a_ledger_may_begin_with_duplicates(stores: Stores) -> None:
    elsewhere = planned(Head(LedgerId("acme", month_of(LEDGER.start - 1).start)), usage("a"))
    await stores.ledgers.commit(again(Head(LEDGER), elsewhere.pages[0]))
    head = replace(Head(LEDGER), diagnostics=Diagnostics(duplicates=1))
    assert await stores.ledgers.read_head(LEDGER) == (head, 0)
    await stores.ledgers.commit(planned(head, usage("b")))
    stored = await stores.ledgers.read_head(LEDGER)
    assert stored is not None
    assert (stored.head.pages, stored.head.diagnostics.duplicates) == (1, 1)


async def committed(stores: Stores, number: int) -> Head:
    """Commit so many pages, one event each, and return the head after them."""
    head = Head(LEDGER)
    for each in range(number):
        commit = planned(head, usage(f"r-{each}"))
        await stores.ledgers.commit(commit)
        head = commit.head
    return head


@pytest.mark.parametrize("number", [1, 2, 15, 16, 17, 40])
async def test_a_head_is_its_checkpoint_and_the_pages_after_it(
    stores: Stores, make_stores: Callable[[], Stores], number: int
) -> None:
    head = await committed(stores, number)
    # The first page is always a checkpoint; after it every sixteenth.
    checkpoint = max(1, number // 16 * 16)
    assert await make_stores().ledgers.read_head(LEDGER) == (head, checkpoint)


async def test_a_process_that_has_read_a_head_sees_the_pages_of_others(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    other = make_stores()
    head = await committed(stores, 3)
    assert await other.ledgers.read_head(LEDGER) == (head, 1)
    following = planned(head, usage("s-1"), usage("s-2", time=AT + SLOT))
    await stores.ledgers.commit(following)
    assert await other.ledgers.read_head(LEDGER) == (following.head, 1)


async def test_a_quiet_ledger_gets_a_checkpoint_that_never_goes_back(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    head = await committed(stores, 5)
    assert await stores.ledgers.write_checkpoint(head) is True
    assert await make_stores().ledgers.read_head(LEDGER) == (head, 5)
    earlier = planned(Head(LEDGER), usage("r-0")).head
    assert await stores.ledgers.write_checkpoint(earlier) is False
    assert await stores.ledgers.write_checkpoint(head) is False
    assert await make_stores().ledgers.read_head(LEDGER) == (head, 5)


async def test_a_page_that_does_not_follow_the_checkpoint_breaks_the_ledger(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    first = planned(Head(LEDGER), usage("a"))
    await stores.ledgers.commit(first)
    foreign = planned(planned(Head(LEDGER), usage("b")).head, usage("c"))
    await stores.ledgers.commit(foreign)
    with pytest.raises(LedgerBroken, match="page 2 does not follow the page before it"):
        await make_stores().ledgers.read_head(LEDGER)


async def test_pages_are_found_by_slot_in_the_order_of_their_numbers(stores: Stores) -> None:
    head = Head(LEDGER)
    for number in range(6):
        commit = planned(head, usage(f"r-{number}", time=AT + number % 3 * SLOT))
        await stores.ledgers.commit(commit)
        head = commit.head
    slot = slot_of(AT)
    found = await stores.ledgers.read_slots(LEDGER, [slot + 2, slot, slot + 9])
    assert [(page.number, page.slot) for page in found] == [
        (1, slot),
        (3, slot + 2),
        (4, slot),
        (6, slot + 2),
    ]
    assert [page.number for page in await pages(stores, after=4)] == [5, 6]


async def test_a_ledger_never_shows_pages_of_another(stores: Stores) -> None:
    other = LedgerId("acme.b", LEDGER.start)
    earlier = LedgerId("acme", month_of(LEDGER.start - 1).start)
    for ledger in (LEDGER, other, earlier):
        await stores.ledgers.commit(planned(Head(ledger), usage("a")))
    assert [page.ledger for page in await pages(stores)] == [LEDGER]
    found = await stores.ledgers.read_slots(other, [slot_of(AT)])
    assert [page.ledger for page in found] == [other]


async def test_ledgers_are_listed_by_tenant_and_start(stores: Stores) -> None:
    assert await stores.ledgers.ledgers() == []
    earlier = LedgerId("acme", month_of(LEDGER.start - 1).start)
    other = LedgerId("acme.b", LEDGER.start)
    for ledger in (other, LEDGER, earlier):
        await stores.ledgers.commit(planned(Head(ledger), usage("a")))
    assert await stores.ledgers.ledgers() == [earlier, LEDGER, other]
    assert await stores.ledgers.ledgers("acme") == [earlier, LEDGER]
    assert await stores.ledgers.ledgers("ac") == []


async def test_a_full_page_and_many_slots_fit_into_one_commit(stores: Stores) -> None:
    full = planned(Head(LEDGER), *(usage(f"r-{n}") for n in range(MAX_ENTRIES)))
    await stores.ledgers.commit(full)
    many = planned(full.head, *(usage(f"s-{n}", time=AT + n * SLOT) for n in range(40)))
    await stores.ledgers.commit(many)
    assert len(await pages(stores)) == 41
