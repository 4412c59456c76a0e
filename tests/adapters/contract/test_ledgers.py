"""LedgerStore: pages and a head that are written together or not at all."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from metering.bootstrap import Stores
from metering.core.basics.errors import HeadMovedError
from metering.core.calendars.periods import SLOT, LedgerId, month_of, slot_of
from metering.core.ledger.commit import Commit, plan_commit
from metering.core.ledger.head import Diagnostics, Head
from metering.core.ledger.page import MAX_ENTRIES, Page
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
    commit = planned(Head(LEDGER), usage("a", end_user="ü\u2028\x7f|"), usage("b", time=AT + SLOT))
    etag = await stores.ledgers.commit(commit, None)
    other = make_stores()
    stored = await other.ledgers.read_head(LEDGER)
    assert stored is not None
    assert (stored.head, stored.etag) == (commit.head, etag)
    assert await pages(other) == list(commit.pages)
    assert await other.ledgers.read_page(LEDGER, 2) == commit.pages[1]


async def test_a_commit_on_a_head_that_has_moved_writes_nothing(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    first = planned(Head(LEDGER), usage("a"))
    etag = await stores.ledgers.commit(first, None)
    second = planned(first.head, usage("b"))
    await make_stores().ledgers.commit(second, etag)
    late = planned(first.head, usage("c"), usage("d", time=AT + SLOT))
    with pytest.raises(HeadMovedError):
        await stores.ledgers.commit(late, etag)
    assert await pages(stores) == [*first.pages, *second.pages]
    stored = await stores.ledgers.read_head(LEDGER)
    assert stored is not None
    assert stored.head == second.head


async def test_of_two_first_commits_one_is_refused_whole(stores: Stores) -> None:
    await stores.ledgers.commit(planned(Head(LEDGER), usage("a")), None)
    with pytest.raises(HeadMovedError):
        await stores.ledgers.commit(planned(Head(LEDGER), usage("b")), None)
    assert len(await pages(stores)) == 1


async def test_a_commit_may_change_the_diagnostics_alone(stores: Stores) -> None:
    first = planned(Head(LEDGER), usage("a"))
    etag = await stores.ledgers.commit(first, None)
    noted = replace(first.head, diagnostics=Diagnostics(duplicates=7))
    await stores.ledgers.commit(replace(first, head=noted, pages=(), contents=()), etag)
    stored = await stores.ledgers.read_head(LEDGER)
    assert stored is not None
    assert stored.head == noted
    with pytest.raises(HeadMovedError):
        await stores.ledgers.commit(replace(first, pages=(), contents=()), etag)
    with pytest.raises(HeadMovedError):
        await stores.ledgers.commit(replace(first, pages=(), contents=()), None)


async def test_pages_are_found_by_slot_in_the_order_of_their_numbers(stores: Stores) -> None:
    head, etag = Head(LEDGER), None
    for number in range(6):
        commit = planned(head, usage(f"r-{number}", time=AT + number % 3 * SLOT))
        etag = await stores.ledgers.commit(commit, etag)
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
        await stores.ledgers.commit(planned(Head(ledger), usage("a")), None)
    assert [page.ledger for page in await pages(stores)] == [LEDGER]
    found = await stores.ledgers.read_slots(other, [slot_of(AT)])
    assert [page.ledger for page in found] == [other]


async def test_ledgers_are_listed_by_tenant_and_start(stores: Stores) -> None:
    assert await stores.ledgers.ledgers() == []
    earlier = LedgerId("acme", month_of(LEDGER.start - 1).start)
    other = LedgerId("acme.b", LEDGER.start)
    for ledger in (other, LEDGER, earlier):
        await stores.ledgers.commit(planned(Head(ledger), usage("a")), None)
    assert await stores.ledgers.ledgers() == [earlier, LEDGER, other]
    assert await stores.ledgers.ledgers("acme") == [earlier, LEDGER]
    assert await stores.ledgers.ledgers("ac") == []


async def test_a_full_page_and_many_slots_fit_into_one_commit(stores: Stores) -> None:
    full = planned(Head(LEDGER), *(usage(f"r-{n}") for n in range(MAX_ENTRIES)))
    etag = await stores.ledgers.commit(full, None)
    many = planned(full.head, *(usage(f"s-{n}", time=AT + n * SLOT) for n in range(40)))
    await stores.ledgers.commit(many, etag)
    assert len(await pages(stores)) == 41
