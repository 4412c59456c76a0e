"""Recomputation: a ledger's totals, derived again from its first page on and checked."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from metering.core.basics.errors import LedgerBroken
from metering.core.billing.charge import ChargeLine
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.chain import START, Position
from metering.core.ledger.entry import expected_amount
from metering.core.ledger.head import Head, RateTotals, fold
from metering.core.ledger.page import Page
from metering.core.ledger.proof import FOLDED
from metering.core.prices.rating import Rate
from metering.core.usage.evidence import Evidence

type Provenance = Mapping[Evidence, int]
"""Requests by the rank of their evidence."""


class Recomputed(NamedTuple):
    """The totals of a ledger, now and through the billed-through position."""

    head: Head
    """The fold of the pages through `through`."""
    since: Position
    """The billed-through position of the previous statement."""
    before: Mapping[Rate, RateTotals]
    """The totals through `since`."""
    provenance: Provenance
    pages_of: Mapping[Slot, tuple[int, ...]]
    """The numbers of the pages of each slot."""

    @property
    def through(self) -> Position:
        """The position of the last page."""
        return self.head.position


class Recomputation:
    """Folds the pages of one ledger, as `app.ledger.reading` yields them from the first on."""

    def __init__(self, ledger: LedgerId, since: Position = START) -> None:
        """Start before the first page; `since` is the ledger's billed-through position."""
        self._head = Head(ledger)
        self._since = since
        self._before: Mapping[Rate, RateTotals] = {}
        self._known: Counter[Evidence] = Counter()
        self._pages_of: dict[Slot, tuple[int, ...]] = {}

    def add(self, page: Page) -> None:
        """Fold the next page.

        Raises LedgerBroken if an amount is not its tokens times its rate, or if the page at the
        billed-through position is not the one that was billed.
        """
        for row, entry in enumerate(page.entries):
            if entry.state.amount != expected_amount(entry.state):
                place = f"page {page.number} row {row}"
                raise self._broken(f"{place}: its amount is not its tokens times its rate")
            for state, _, sign in entry.changes():
                if state.is_usage:
                    self._known[state.evidence] += sign
        self._pages_of[page.slot] = (*self._pages_of.get(page.slot, ()), page.number)
        self._head = fold(self._head, [page])
        if page.number == self._since.page:
            if page.hash != self._since.hash:
                raise self._broken(f"page {page.number} is not the one that was billed")
            self._before = self._head.lines

    def require(self, head: Head) -> None:
        """Raise LedgerBroken unless the pages give this head."""
        for name in FOLDED:
            if getattr(self._head, name) != getattr(head, name):
                raise self._broken(f"the head's {name} is not what its pages give")

    def result(self) -> Recomputed:
        """Return the totals. Raises LedgerBroken if the pages end before the billed position."""
        if self._head.pages < self._since.page:
            raise self._broken(f"page {self._since.page} was billed and is missing")
        known = {evidence: number for evidence, number in sorted(self._known.items()) if number}
        return Recomputed(self._head, self._since, self._before, known, self._pages_of)

    def _broken(self, reason: str) -> LedgerBroken:
        return LedgerBroken(str(self._head.ledger), reason)


def difference(before: tuple[ChargeLine, ...], after: tuple[ChargeLine, ...]) -> list[ChargeLine]:
    """Return the lines by which one charge exceeds another, exactly.

    Lines match if all but their quantity is the same; unchanged lines are left out.
    """
    quantities: dict[ChargeLine, int] = {}
    for lines, sign in ((before, -1), (after, 1)):
        for line in lines:
            of = line._replace(quantity=0)
            quantities[of] = quantities.get(of, 0) + sign * line.quantity
    return [of._replace(quantity=number) for of, number in quantities.items() if number]
