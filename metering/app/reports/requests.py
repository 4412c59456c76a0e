"""List the requests behind a figure, with bounded work a page."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.ledger.reading import listed_head, pages_of_whole_slots, slots_before
from metering.app.tenancy.tenancy import Tenancy
from metering.core.calendars.periods import LedgerId, Slot, slot_of
from metering.core.ledger.head import Head
from metering.core.reports.requests import Position, Request, Wanted, requests_of
from metering.ports import LedgerStore

#: Ledger pages read for one page of the list, or one slot if that alone has more: a slot is what
#: the committer reads to count one event. A page of a ledger has 2,000 entries at most.
MAX_PAGES: Final = 256
#: Ledger pages read at once.
_PAGES_AT_ONCE: Final = 64
#: Later than the slot of any time.
_LAST_SLOT: Final[Slot] = 2**53 - 1


class RequestsPage(NamedTuple):
    """Some requests, newest first, and where the next page starts; None after the last one."""

    requests: list[Request]
    next: Position | None


class _Budget:
    """The budget left to one page: rows to read and rows to return."""

    def __init__(self, limit: int) -> None:
        self.pages = MAX_PAGES
        self.limit = limit
        self.found: list[Request] = []


@dataclass(slots=True)
class Requests:
    """The use case behind `metering requests`."""

    store: LedgerStore
    tenancy: Tenancy

    async def page(
        self, tenant: str, wanted: Wanted, *, after: Position | None = None, limit: int
    ) -> RequestsPage:
        """Return requests of a tenant after a position; there may be none although `next` is set.

        Raises LedgerLagError and LedgerBroken like every reader of ledgers.
        """
        await self.tenancy.refresh()
        budget = _Budget(limit)
        for ledger in reversed(await self.store.ledgers(tenant)):
            if (after is not None and ledger.start > after.start) or not self._meets(
                ledger, wanted
            ):
                continue
            if budget.pages <= 0:
                return RequestsPage(budget.found, _from_the_top_of(ledger))
            budget.pages -= 1
            head = await listed_head(self.store, ledger)
            stopped = await self._ledger(head, wanted, after, budget)
            if stopped is not None:
                return RequestsPage(budget.found, stopped)
        return RequestsPage(budget.found, None)

    def _meets(self, ledger: LedgerId, wanted: Wanted) -> bool:
        period = self.tenancy.directory.period_of(ledger)
        begins, ends = wanted.start, wanted.end
        return (ends is None or period.start < ends) and (begins is None or begins < period.end)

    async def _ledger(
        self, head: Head, wanted: Wanted, after: Position | None, budget: _Budget
    ) -> Position | None:
        """Add a ledger's requests; return where to go on if the budget is used up."""
        first, before = _slots(head.ledger, wanted, after)
        while True:
            slots = await slots_before(self.store, head, before, _PAGES_AT_ONCE)
            slots = [slot for slot in slots if slot >= first]
            if not slots:
                return None
            pages = await pages_of_whole_slots(self.store, head, slots)
            for slot in slots:
                for request in requests_of(page for page in pages if page.slot == slot):
                    is_later = after is not None and request.position >= after
                    if is_later or not wanted.covers(request):
                        continue
                    if len(budget.found) == budget.limit:
                        return budget.found[-1].position
                    budget.found.append(request)
            before = slots[-1]
            budget.pages -= len(pages)
            if budget.pages <= 0:
                return Position(head.ledger.start, before, 0, 0, 0)


def _slots(ledger: LedgerId, wanted: Wanted, after: Position | None) -> tuple[Slot, Slot]:
    """Return the first slot that can have a wanted request, and the slot before which to start."""
    first = 0 if wanted.start is None else slot_of(wanted.start)
    before = _LAST_SLOT if wanted.end is None else slot_of(wanted.end - 1) + 1
    if after is not None and ledger.start == after.start:
        # A position without a time is below all of its slot, which was read.
        last = after.slot + 1 if after.time else after.slot
        before = max(0, min(before, last))
    return first, before


def _from_the_top_of(ledger: LedgerId) -> Position:
    """Return the position before every request of a ledger."""
    return Position(ledger.start, _LAST_SLOT, 0, 0, 0)
