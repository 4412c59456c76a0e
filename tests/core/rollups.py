"""What tests of rollups share: pages as commits make them, and a rollup held in memory."""

from collections.abc import Iterable, Sequence

from metering.core.calendars.periods import LedgerId, Slot, month_of
from metering.core.ledger.commit import Known, plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.reports.breakdown import GROUPS, SUMMED_BY, Breakdown, Row
from metering.core.reports.rollup import Cursor, Intake, Part, PartName
from metering.core.usage.usage import EventKey, Usage
from tests.builders import AT, NOW, rating

LEDGER = LedgerId("acme", month_of(AT).start)
RATE = rating()


def pages_of(*batches: Iterable[Usage]) -> list[Page]:
    """Return the pages that committing these batches one after the other gives."""
    head, pages = Head(LEDGER), list[Page]()
    known: dict[Slot, dict[EventKey, Known]] = {}
    for batch in batches:
        done = plan_commit(head, known, list(batch), RATE, NOW)
        head = done.head
        for page in done.pages:
            for row, entry in enumerate(page.entries):
                known.setdefault(page.slot, {})[entry.key] = (page, row)
        pages.extend(done.pages)
    return pages


class Rollup:
    """A rollup in memory."""

    def __init__(self) -> None:
        self.cursor = Cursor(LEDGER)
        self.parts: dict[PartName, Part] = {}

    def take_in(self, pages: Iterable[Page]) -> list[Part]:
        """Take pages in and return the parts that changed."""
        intake = Intake(self.cursor)
        for page in pages:
            if page.number > self.cursor.page:
                intake.add(page)
        self.cursor, changed = intake.onto(self.parts.values())
        self.parts.update({part.name: part for part in changed})
        return changed

    def rows(self, tail: Sequence[Page] = (), group_by: tuple[str, ...] = GROUPS) -> list[Row]:
        """Return the rollup's rows with those pages of `tail` that it does not have."""
        breakdown = Breakdown(group_by)
        is_summed = SUMMED_BY.issuperset(group_by)
        for part in self.parts.values():
            if part.name.is_summary == is_summed:
                breakdown.add_counts(part.counts)
        for page in tail:
            if page.number > self.cursor.page:
                breakdown.add(page)
        return breakdown.rows()


def rows_of(pages: Sequence[Page], group_by: tuple[str, ...] = GROUPS) -> list[Row]:
    """Return the rows that the pages alone give."""
    breakdown = Breakdown(group_by)
    for page in pages:
        breakdown.add(page)
    return breakdown.rows()
