"""Reckoning: what the pages of a ledger come to, read from the first page on and checked."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.basics.errors import LedgerBroken
from metering.core.billing.charge import ChargeLine
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.entry import State, expected_amount
from metering.core.ledger.head import Head, Line, fold
from metering.core.ledger.page import GENESIS, Page
from metering.core.ledger.proof import FOLDED
from metering.core.prices.rating import Rate
from metering.core.usage.evidence import Evidence


class Mark(NamedTuple):
    """Up to which page a ledger has been billed; before the first page: of none."""

    page: int = 0
    hash: str = GENESIS


NO_PAGES: Final = Mark()

type Provenance = Mapping[Evidence, int]
"""How many requests are known how well."""


class Reckoned(NamedTuple):
    """What a ledger comes to through a page, and what it came to through an earlier one."""

    head: Head
    """The fold of its pages through `through`."""
    since: Mark
    before: Mapping[Rate, Line]
    """Its totals through `since`."""
    provenance: Provenance
    pages_of: Mapping[Slot, tuple[int, ...]]
    """The numbers of the pages of each slot."""

    @property
    def through(self) -> Mark:
        """The last page that is in it."""
        return Mark(self.head.pages, self.head.last_hash)


class Reckoning:
    """Takes in the pages of one ledger, first to last; LedgerBroken for one that does not fit."""

    def __init__(self, ledger: LedgerId, since: Mark = NO_PAGES) -> None:
        """Take the page up to which the ledger was billed before as `since`."""
        self._head = Head(ledger)
        self._since = since
        self._before: Mapping[Rate, Line] = {}
        self._known: Counter[Evidence] = Counter()
        self._pages_of: dict[Slot, tuple[int, ...]] = {}

    @property
    def pages(self) -> int:
        """The number of the last page that was taken in."""
        return self._head.pages

    def add(self, page: Page) -> None:
        """Take in the next page."""
        head = self._head
        if page.number != head.pages + 1:
            raise self._broken(f"page {head.pages + 1} is missing: page {page.number} follows")
        if page.previous != head.last_hash:
            raise self._broken(f"page {page.number} does not follow the page before it")
        for row, entry in enumerate(page.entries):
            if entry.state.amount != expected_amount(entry.state):
                place = f"page {page.number} row {row}"
                raise self._broken(f"{place}: its amount is not its tokens times its rate")
            self._count(entry.state, 1)
            if entry.supersedes is not None:
                self._count(entry.supersedes.state, -1)
        self._pages_of[page.slot] = (*self._pages_of.get(page.slot, ()), page.number)
        self._head = fold(head, [page])
        if page.number == self._since.page:
            if page.hash != self._since.hash:
                raise self._broken(f"page {page.number} is not the one that was billed")
            self._before = self._head.lines

    def _count(self, state: State, sign: int) -> None:
        if state.is_usage:
            self._known[state.evidence] += sign

    def must_give(self, head: Head) -> None:
        """Raise LedgerBroken unless the pages give this head."""
        for name in FOLDED:
            if getattr(self._head, name) != getattr(head, name):
                raise self._broken(f"the head's {name} is not what its pages give")

    def result(self) -> Reckoned:
        """Return what the pages come to."""
        if self._head.pages < self._since.page:
            raise self._broken(f"page {self._since.page} was billed and is not there")
        known = {evidence: number for evidence, number in sorted(self._known.items()) if number}
        return Reckoned(self._head, self._since, self._before, known, self._pages_of)

    def _broken(self, reason: str) -> LedgerBroken:
        return LedgerBroken(str(self._head.ledger), reason)


def difference(before: tuple[ChargeLine, ...], after: tuple[ChargeLine, ...]) -> list[ChargeLine]:
    """Return the lines that lead from one charge to another: exactly what one is above the other.

    A line is the same in both if all but its quantity is; what does not change is left out.
    """
    quantities: dict[ChargeLine, int] = {}
    for lines, sign in ((before, -1), (after, 1)):
        for line in lines:
            of = line._replace(quantity=0)
            quantities[of] = quantities.get(of, 0) + sign * line.quantity
    return [of._replace(quantity=number) for of, number in quantities.items() if number]
