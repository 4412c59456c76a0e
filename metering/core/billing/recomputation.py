"""Recomputation: a ledger's totals, derived again from its first page on and checked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from metering.core.basics.errors import LedgerBroken
from metering.core.billing.charge import ChargeLine
from metering.core.calendars.periods import LedgerId, Period, Slot
from metering.core.ledger.chain import START, Position
from metering.core.ledger.head import Head, RateTotals
from metering.core.ledger.page import Page
from metering.core.ledger.proof import EntryCheck, Proof, no_check
from metering.core.prices.rating import Rate
from metering.core.usage.evidence import Evidence

type Provenance = Mapping[Evidence, int]
"""Requests by the rank of their evidence."""


NO_LINES: Final[Mapping[Rate, RateTotals]] = {}


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


class _Sums:
    """The requests by evidence, and the pages by slot, of pages read in order."""

    def __init__(self) -> None:
        self._known: Counter[Evidence] = Counter()
        self._pages_of: dict[Slot, tuple[int, ...]] = {}

    def add(self, page: Page) -> None:
        """Take in the next page."""
        for entry in page.entries:
            for state, _, sign in entry.changes():
                if state.is_usage:
                    self._known[state.evidence] += sign
        self._pages_of[page.slot] = (*self._pages_of.get(page.slot, ()), page.number)

    def of(
        self, head: Head, since: Position = START, before: Mapping[Rate, RateTotals] = NO_LINES
    ) -> Recomputed:
        """Return the totals through the head that the pages so far give."""
        known = {evidence: number for evidence, number in sorted(self._known.items()) if number}
        return Recomputed(head, since, before, known, dict(self._pages_of))


class TotalsAt:
    """The totals of a ledger at the positions that statements billed.

    They are taken while its pages are proven, and say nothing before the whole proof holds.
    """

    def __init__(self, positions: Iterable[Position]) -> None:
        self._wanted = {position.page for position in positions}
        self._last = max(self._wanted, default=0)
        self._sums = _Sums()
        self._taken: dict[Position, Recomputed] = {}

    def add(self, page: Page, folded: Head) -> None:
        """Take in the next page, and the head that the pages through it give."""
        if page.number > self._last:
            return
        self._sums.add(page)
        if page.number in self._wanted:
            self._taken[folded.position] = self._sums.of(folded)

    def between(self, since: Position, through: Position) -> Recomputed | None:
        """Return the totals through one position, after another; None if either is not a page."""
        found, before = self._taken.get(through), self._taken.get(since)
        if found is None or (before is None and since != START):
            return None
        return found._replace(since=since, before=NO_LINES if before is None else before.head.lines)


class Recomputation:
    """Proves and folds the pages of one ledger, as `app.ledger.reading` yields them."""

    def __init__(
        self,
        ledger: LedgerId,
        since: Position = START,
        period: Period | None = None,
        check: EntryCheck = no_check,
    ) -> None:
        """Start before the first page; `since` is the ledger's billed-through position."""
        self._ledger = ledger
        self._proof = Proof(ledger, period, check)
        self._since = since
        self._before = NO_LINES
        self._sums = _Sums()

    def add(self, page: Page) -> None:
        """Fold the next page.

        Raises LedgerBroken for whatever the proof of a ledger finds, and if the page at the
        billed-through position is not the one that was billed.
        """
        self._proof.add(page)
        self._must_hold()
        self._sums.add(page)
        if page.number == self._since.page:
            if page.hash != self._since.hash:
                raise self._broken(f"page {page.number} is not the one that was billed")
            self._before = self._proof.folded.lines

    def require(self, head: Head) -> None:
        """Raise LedgerBroken unless the pages give this head and count no id twice."""
        self._proof.compare(head)
        self._must_hold()
        if self._proof.doubts:
            raise self._broken(
                "an id counts more than once, or a correction supersedes what is not there:"
                " `metering verify` names it"
            )

    def _must_hold(self) -> None:
        if self._proof.faults:
            raise self._broken(self._proof.faults[0])

    def result(self) -> Recomputed:
        """Return the totals. Raises LedgerBroken if the pages end before the billed position."""
        head = self._proof.folded
        if head.pages < self._since.page:
            raise self._broken(f"page {self._since.page} was billed and is missing")
        return self._sums.of(head, self._since, self._before)

    def _broken(self, reason: str) -> LedgerBroken:
        return LedgerBroken(str(self._ledger), reason)


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
