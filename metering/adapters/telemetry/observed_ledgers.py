"""A ledger store that measures and traces commits; reads pass through."""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from time import perf_counter

from metering.adapters.telemetry.observed_usage import ObservedUsage
from metering.core.basics.documents import Document
from metering.core.basics.errors import HeadMovedError
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.ports import Attributes, LedgerStore, StoredHead, Telemetry

_log = logging.getLogger("metering.commits")


class ObservedLedgers:
    """Implements LedgerStore over another one.

    A commit turns events into money. Its span and log record connect the batch with the effects:
    they carry the ledger, the numbers of the pages and the last hash.
    """

    def __init__(
        self, ledgers: LedgerStore, telemetry: Telemetry, currency_of: Callable[[LedgerId], str]
    ) -> None:
        self._ledgers = ledgers
        self._telemetry = telemetry
        self._usage = ObservedUsage(telemetry, currency_of)

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head as last committed; None for a ledger without a commit."""
        return await self._ledgers.read_head(ledger)

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number."""
        return await self._ledgers.read_page(ledger, number)

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number."""
        return await self._ledgers.read_slots(ledger, slots)

    async def latest_slots(self, ledger: LedgerId, before: Slot, limit: int) -> list[Slot]:
        """Return the slots of the last pages before a slot, one for each page."""
        return await self._ledgers.latest_slots(ledger, before, limit)

    async def write_checkpoint(self, head: Head) -> bool:
        """Write the checkpoint of a quiet ledger."""
        return await self._ledgers.write_checkpoint(head)

    async def commit(self, commit: Commit) -> None:
        """Commit, and record the duration, the outcome and the usage."""
        about = _about(commit)
        began = perf_counter()
        try:
            with self._telemetry.span("commit", about):
                await self._ledgers.commit(commit)
        except HeadMovedError:
            self._telemetry.add("metering.commit.conflicts", 1)
            raise
        finally:
            taken = (perf_counter() - began) * 1_000
            self._telemetry.record("metering.commit.latency_ms", taken)
        self._usage.record(commit)
        _log.info("committed to %s", about["ledger"], extra=dict(about))

    def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        """Yield all pages with a higher number than `after`, in order."""
        return self._ledgers.pages(ledger, after=after)

    def page_documents(self, ledger: LedgerId) -> AsyncGenerator[Document]:
        """Yield the documents of all pages as they were written."""
        return self._ledgers.page_documents(ledger)

    async def ledgers_of_pages(self) -> list[LedgerId]:
        """Return the ledgers that have any page."""
        return await self._ledgers.ledgers_of_pages()

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        return await self._ledgers.ledgers(tenant)


def _about(commit: Commit) -> Attributes:
    """Return the attributes of a commit; the keys of its effects start with ledger and page."""
    return {
        "ledger": str(commit.head.ledger),
        "page": commit.head.pages,
        "pages": len(commit.pages),
        "hash": commit.head.last_hash,
        "accepted": commit.accepted,
        "duplicates": commit.duplicates,
        "effects": len(commit.effects),
    }
