"""The one way to read a ledger: its head, and its pages in order, complete and chained.

Queries may lag behind commits, and point reads may, by less. So a page that a query leaves out is
read by its number, and what is still missing then decides:

- A later page exists: pages are written in order, so the missing one has gone. LedgerBroken.
- No later page was found, but the head counts more: the replica is behind. LedgerLagError, which
  is retryable. If the last page has really gone, the committer and `metering verify` say so: the
  committer checks the last pages before it adds to a ledger, and gives up waiting after some time.
- The head has not been found, but the first page has, even on a second read: the head has gone.
  LedgerBroken.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from metering.core.basics.errors import LedgerBroken, LedgerLagError
from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.chain import START, Chain, Position
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.ports import LedgerStore, StoredHead

#: Ledgers that started earlier are closed or about to be: their figures are final.
RECENT: Final = 62 * DAY


async def stored_head(store: LedgerStore, ledger: LedgerId) -> StoredHead | None:
    """Return the head of a ledger as stored; None for a ledger without a commit.

    Raises LedgerBroken if the ledger has pages and no head.
    """
    stored = await store.read_head(ledger)
    if stored is None and await store.read_page(ledger, 1) is not None:
        # The first commit may have come between the two reads.
        stored = await store.read_head(ledger)
        if stored is None:
            raise LedgerBroken(str(ledger), "it has pages and no head")
    return stored


async def head_of(store: LedgerStore, ledger: LedgerId) -> Head | None:
    """Return the head of a ledger; None for a ledger without a commit.

    Raises LedgerBroken if the ledger has pages and no head.
    """
    stored = await stored_head(store, ledger)
    return None if stored is None else stored.head


async def listed_head(store: LedgerStore, ledger: LedgerId) -> Head:
    """Return the head of a ledger that the store listed.

    Raises LedgerLagError if the head cannot be read yet, and LedgerBroken if it has gone.
    """
    head = await head_of(store, ledger)
    if head is None:
        raise LedgerLagError(f"ledger {ledger}: its head is not there yet")
    return head


async def recent_heads(store: LedgerStore, now: Instant) -> AsyncGenerator[Head | None]:
    """Yield the heads of the ledgers that have started within RECENT; None for a broken one.

    Commits and `metering verify` report what is broken; the other ledgers are counted.
    """
    for ledger in await store.ledgers():
        if ledger.start < now - RECENT:
            continue
        try:
            head = await head_of(store, ledger)
        except LedgerBroken:
            yield None
        else:
            if head is not None:
                yield head


async def pages(
    store: LedgerStore,
    ledger: LedgerId,
    *,
    since: Position = START,
    through: Position | None = None,
) -> AsyncGenerator[Page]:
    """Yield the pages of a ledger after one position through another, in order and chained.

    Without `through` they go through the head as it is now; a ledger without a head has none.
    Pages committed meanwhile are left out. If it raises, discard what the pages before gave.

    Raises LedgerLagError if the last ones cannot be read yet. Raises LedgerBroken for a page that
    has gone or does not follow the one before it, and if the page at `through` has another hash.
    """
    if through is None:
        head = await head_of(store, ledger)
        if head is None:
            return
        through = head.position
    chain = Chain(ledger, since)
    async with aclosing(stored_pages(store, ledger, since=since, through=through)) as found:
        async for page in found:
            chain.follow(page)
            yield page
    chain.require(through)


async def stored_pages(
    store: LedgerStore, ledger: LedgerId, *, since: Position = START, through: Position
) -> AsyncGenerator[Page]:
    """Yield the pages after one position through another as they are stored, without any check.

    Only `metering verify` needs this: it goes on after a fault. A page beyond `through` is yielded
    if a page before it is missing, so that the gap can be told from lag, and a head that ends at
    a gap from one that is right.
    """
    reached = since.page
    if reached >= through.page:
        return
    async with aclosing(store.pages(ledger, after=reached)) as found:
        async for page in found:
            if page.number > reached + 1:
                left_out = range(reached + 1, min(page.number, through.page + 1))
                async for earlier in _by_number(store, ledger, left_out):
                    yield earlier
                    reached = earlier.number
            if page.number <= through.page or reached < through.page:
                yield page
                reached = max(reached, page.number)
                continue
            # The first page beyond: where another one is missing before it, the head ends too soon.
            if page.number > reached + 1 and await store.read_page(ledger, reached + 1) is None:
                yield page
            return
    async for page in _by_number(store, ledger, range(reached + 1, through.page + 1)):
        yield page


async def pages_of_slots(
    store: LedgerStore, ledger: LedgerId, slots: Sequence[Slot], numbers: Iterable[int]
) -> list[Page]:
    """Return the pages of these slots that have these numbers, in order.

    Raises LedgerLagError if one of them cannot be read yet.
    """
    return await _complete(store, ledger, await store.read_slots(ledger, slots), numbers)


async def slots_before(store: LedgerStore, head: Head, before: Slot, most: int) -> list[Slot]:
    """Return the last slots with pages before a slot, descending; none means there are no more.

    Together they have about `most` pages at most, unless it is a single slot that has more. What a
    lagging query leaves out is taken from the recent pages of the head.
    """
    listed = await store.latest_slots(head.ledger, before, most)
    is_cut = len(listed) == most
    # Below a cut the head's recent pages are not all there is.
    least = listed[-1] if is_cut else 0
    recent = {slot for _, slot in head.recent if least <= slot < before}
    slots = sorted(recent.union(listed), reverse=True)
    return slots[:-1] if is_cut and len(slots) > 1 else slots


async def pages_of_whole_slots(store: LedgerStore, head: Head, slots: Sequence[Slot]) -> list[Page]:
    """Return all pages of these slots that the head counts, in order.

    Raises LedgerLagError if one of the recent ones cannot be read yet.
    """
    found = await store.read_slots(head.ledger, slots)
    counted = {page.number for page in found if page.number <= head.pages}
    recent = {number for number, slot in head.recent if slot in slots}
    return await _complete(store, head.ledger, found, counted | recent)


async def _complete(
    store: LedgerStore, ledger: LedgerId, found: Iterable[Page], numbers: Iterable[int]
) -> list[Page]:
    """Return the pages with these numbers in order; those not found are read one by one."""
    known = {page.number: page for page in found}
    wanted = sorted(set(numbers))
    for number in wanted:
        if number not in known:
            page = await store.read_page(ledger, number)
            if page is None:
                raise LedgerLagError(f"ledger {ledger}: page {number} is not there yet")
            known[number] = page
    return [known[number] for number in wanted]


async def _by_number(
    store: LedgerStore, ledger: LedgerId, numbers: Iterable[int]
) -> AsyncIterator[Page]:
    """Yield these pages until one of them is not found."""
    for number in numbers:
        page = await store.read_page(ledger, number)
        if page is None:
            return
        yield page
