"""The proof of a ledger: its pages, read in order, must give its head and count no id twice."""

from dataclasses import replace
from typing import Final

from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import Chain
from metering.core.ledger.entry import Entry, Reference, Superseded, expected_amount
from metering.core.ledger.head import Head, fold
from metering.core.ledger.page import Page
from metering.core.usage.usage import EventKey

#: Faults listed at most; more of the same add nothing.
MAX_FAULTS: Final = 20

#: The fields of a head that are folded from its pages.
FOLDED: Final = (
    *("pages", "entries", "last_hash", "committed"),
    *("recent", "lines", "holds", "counts"),
)


class Proof:
    """Collects the faults of one ledger from its pages, first to last."""

    def __init__(self, ledger: LedgerId) -> None:
        self.faults: list[str] = []
        self._chain = Chain(ledger)
        self._folded = Head(ledger)
        self._latest: dict[EventKey, Superseded] = {}

    def add(self, page: Page) -> None:
        """Check one page against those before it, and fold it."""
        broken = self._chain.fault(page)
        if broken is not None:
            self._fault(broken)
        for row, entry in enumerate(page.entries):
            self._check(entry, page, Reference(page.number, row))
        self._folded = fold(self._folded, [page])

    def _check(self, entry: Entry, page: Page, here: Reference) -> None:
        place = f"page {page.number} row {here.row}"
        if entry.slot != page.slot:
            self._fault(f"{place}: its time is not in the page's slot")
        if entry.state.amount != expected_amount(entry.state):
            self._fault(f"{place}: its amount is not its tokens times its rate")
        earlier = self._latest.get(entry.key)
        if earlier is not None and entry.supersedes is None:
            self._fault(f"{place}: id {entry.id!r} counts again (first on page {earlier.at.page})")
        elif earlier != entry.supersedes:
            self._fault(f"{place}: what it supersedes is not the latest entry of id {entry.id!r}")
        self._latest[entry.key] = Superseded(here, entry.state, entry.end_user)

    def compare(self, head: Head) -> None:
        """Compare the pages with the head; diagnostics are not part of the fold."""
        if self._folded.pages < head.pages:
            self._fault(f"page {self._folded.pages + 1} is missing: the head counts {head.pages}")
        folded = replace(self._folded, diagnostics=head.diagnostics)
        for name in FOLDED:
            if getattr(folded, name) != getattr(head, name):
                self._fault(f"the head's {name} is not what its pages give")

    def _fault(self, text: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(text)
