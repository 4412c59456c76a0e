"""The proof of a ledger: its pages, read in order, must give its head and count no id twice."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from metering.core.calendars.periods import LedgerId, Period
from metering.core.ledger.chain import Chain, Recorded
from metering.core.ledger.double_counts import Doubts, Identities
from metering.core.ledger.entry import Entry, Kind, expected_amount
from metering.core.ledger.head import Head, fold
from metering.core.ledger.page import Page
from metering.core.usage.event import BUSINESS_OUTCOME
from metering.core.usage.evidence import Evidence

#: Faults listed at most; more of the same add nothing.
MAX_FAULTS: Final = 20

#: The fields of a head that are folded from its pages.
FOLDED: Final = (
    *("pages", "entries", "last_hash", "committed"),
    *("recent", "lines", "holds", "counts", "segments"),
)

type EntryCheck = Callable[[Entry], Iterable[str]]
"""Returns what is wrong with an entry, in words."""


def no_check(_: Entry) -> Iterable[str]:
    """Find nothing wrong."""
    return ()


class Proof:
    """Collects the faults of one ledger from its pages, first to last.

    `doubts` has what only a second reading can name: see `double_counts`.
    """

    def __init__(
        self, ledger: LedgerId, period: Period | None = None, check: EntryCheck = no_check
    ) -> None:
        """Prove a ledger; with `period` its times too, with `check` whatever that looks at."""
        self.faults: list[str] = []
        self.identities = Identities()
        self._chain = Chain(ledger)
        self.folded = Head(ledger)
        """The head that the pages so far give."""
        self._period = period
        self._check = check
        self._recorded: dict[int, list[Recorded]] = {}

    @property
    def doubts(self) -> Doubts:
        """Claims that the pages so far leave in doubt."""
        return self.identities.doubts()

    def expect(self, recorded: Iterable[Recorded]) -> None:
        """Require the pages at recorded positions to have the hashes that were recorded."""
        for one in recorded:
            self._recorded.setdefault(one.position.page, []).append(one)

    def add(self, page: Page) -> None:
        """Check one page against those before it, and fold it."""
        broken = self._chain.fault(page)
        if broken is not None:
            self.note(broken)
        # Only a page that sets a wrong clock right goes back in time.
        is_set_right = page.change is not None and page.change.holds is not None
        if page.committed < self.folded.committed and not is_set_right:
            self.note(f"page {page.number}: was committed before the page before it")
        for one in self._recorded.pop(page.number, ()):
            if one.position.hash != page.hash:
                self.note(f"page {page.number} is not the one that {one.by} has")
        for row, entry in enumerate(page.entries):
            for reason in self._wrong_with(entry, page):
                self.note(f"page {page.number} row {row}: {reason}")
        self.identities.add(page)
        self.folded = fold(self.folded, [page])

    def _wrong_with(self, entry: Entry, page: Page) -> Iterator[str]:
        if entry.slot != page.slot:
            yield "its time is not in the page's slot"
        period = self._period
        if period is not None and not period.start <= entry.time < period.end:
            yield f"its time is not in the period {period.name}"
        yield from wrong_with_state(entry)
        yield from self._check(entry)

    def compare(self, head: Head) -> None:
        """Compare the pages with the head; diagnostics are not part of the fold."""
        if self.folded.pages < head.pages:
            self.note(f"page {self.folded.pages + 1} is missing: the head counts {head.pages}")
        for number, recorded in sorted(self._recorded.items()):
            if number:
                self.note(f"page {number} is missing: {recorded[0].by} has it")
        folded = replace(self.folded, diagnostics=head.diagnostics)
        for name in FOLDED:
            if getattr(folded, name) != getattr(head, name):
                self.note(f"the head's {name} is not what its pages give")

    def note(self, *faults: str) -> None:
        """Add faults, as far as there is room."""
        self.faults.extend(faults[: MAX_FAULTS - len(self.faults)])


def wrong_with_state(entry: Entry) -> Iterator[str]:
    """Yield what is wrong with an entry whatever the other entries are."""
    state = entry.state
    if state.kind is Kind.WITHDRAWAL:
        if entry.supersedes is None or any(state.buckets) or state.amount:
            yield "it is a withdrawal that takes nothing back, or counts something itself"
        return
    # Outcomes can be taken back; tokens are corrected by entries that supersede.
    if state.kind is not Kind.OUTCOME and min(state.buckets) < 0:
        yield "it has negative tokens"
    if state.amount != expected_amount(state):
        yield "its amount is not its tokens times its rate"
    if (state.kind is Kind.OUTCOME) != (entry.key[0] == BUSINESS_OUTCOME):
        yield f"its kind is {state.kind.name.lower()} and its type is {entry.key[0]}"
    elif state.is_hold != (state.evidence is Evidence.HELD):
        yield f"its kind is {state.kind.name.lower()} and its evidence is {state.evidence.name}"
    elif state.kind is Kind.CORRECTION and entry.supersedes is None:
        yield "it is a correction of nothing"
