"""Repair a ledger that a restore left halfway, or whose counts a store has rounded.

Nothing is invented and no page is edited: a page is kept only if its own hash and the chain prove
it, and the head is folded from the pages that are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from metering.app.ledger.reading import head_of
from metering.core.basics.documents import Document
from metering.core.basics.errors import ConfigurationError, LedgerBroken
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import Chain
from metering.core.ledger.head import Head, fold
from metering.core.ledger.page import Page, read_page
from metering.core.ledger.proof import FOLDED
from metering.core.ledger.repair import restored
from metering.ports import LedgerRepairs, LedgerStore, RollupStore

type Keep = Callable[[Document], None]
"""Keeps a document that is about to be removed; it returns when the document is safe."""


class Findings(NamedTuple):
    """The repairs that a ledger needs."""

    heads: Sequence[Head]
    """The folds of the pages that hold: at the end of each segment, the last one its head."""
    restored: Sequence[Page]
    """Pages with counts that were rounded, as they were written."""
    beyond: Sequence[Document]
    """Pages and effects after the last page that holds: to be set aside."""
    damaged: str = ""
    """Why the page after the last one that holds does not; empty if there is none."""
    is_head_wrong: bool = False

    @property
    def head(self) -> Head:
        """The head that it is to have."""
        return self.heads[-1]

    @property
    def is_sound(self) -> bool:
        """Say whether there is nothing to repair."""
        return not (self.restored or self.beyond or self.is_head_wrong)


@dataclass(frozen=True, slots=True)
class Repair:
    """The use case behind `metering repair`. Nothing else may write to the ledger meanwhile."""

    ledgers: LedgerStore
    repairs: LedgerRepairs
    rollups: RollupStore

    async def look(self, ledger: LedgerId) -> Findings:
        """Return what a ledger needs, from every page of it; nothing is written."""
        head, chain, mended = Head(ledger), Chain(ledger), list[Page]()
        ends: list[Head] = []
        damaged = ""
        while True:
            number = head.pages + 1
            segment = head.segment_of(number)
            document = await self.repairs.page_document(ledger, number, segment)
            if document is None:
                break
            try:
                page = read_page(document, ledger)
            except LedgerBroken as fault:
                found = _restored(document, ledger)
                if found is None:
                    damaged = fault.reason
                    break
                page = found
                mended.append(page)
            broken = chain.fault(page)
            if broken is not None:
                damaged = broken
                break
            if segment > 1 + len(ends):
                ends.append(head)
            head = fold(head, [page])
        segments = head.segment_of(max(1, head.pages))
        beyond = await self.repairs.documents_after(ledger, head.pages, segments)
        try:
            stored = await head_of(self.ledgers, ledger) or Head(ledger)
        except LedgerBroken:
            return Findings([*ends, head], mended, beyond, damaged, is_head_wrong=True)
        head = replace(head, diagnostics=stored.diagnostics)
        is_wrong = any(getattr(head, name) != getattr(stored, name) for name in FOLDED)
        return Findings([*ends, head], mended, beyond, damaged, is_head_wrong=is_wrong)

    async def apply(self, ledger: LedgerId, keep: Keep, *, cut: bool = False) -> Findings:
        """Repair a ledger, and return what it needed. Safe to repeat after a crash.

        What is set aside is given to `keep` first. Raises ConfigurationError, with nothing written,
        for a damaged page: it may be in a backup. With `cut` the ledger ends before it.
        """
        found = await self.look(ledger)
        if found.damaged and not cut:
            raise ConfigurationError(
                f"ledger {ledger}: {found.damaged}: restore it from a backup; or cut the ledger"
                f" after page {found.head.pages} with --cut, and send its later events again"
            )
        if found.is_sound:
            return found
        for document in found.beyond:
            keep(document)
        await self.repairs.remove(ledger, found.beyond)
        for page in found.restored:
            await self.repairs.restore_page(page, found.head.segment_of(page.number))
        await self.repairs.replace_heads(found.heads)
        # A rollup may include pages that are gone; it follows from the pages.
        await self.rollups.reset_rollup(ledger)
        return found


def _restored(document: Document, ledger: LedgerId) -> Page | None:
    try:
        return restored(document, ledger)
    except (LookupError, TypeError, ValueError):
        # It is damaged in another way than by rounding.
        return None
