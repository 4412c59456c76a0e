"""Stores of ledgers, of their rollups and of the effects that their commits leave."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from typing import NamedTuple, Protocol

from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit
from metering.core.ledger.effect import Effect
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.reports.rollup import Cursor, Part, PartName
from metering.core.reports.rollup_document import Step


class StoredHead(NamedTuple):
    """The head of a ledger: its checkpoint, and the pages after it, folded."""

    head: Head
    checkpoint: int
    """The last page that the stored checkpoint includes."""


class LedgerStore(Protocol):
    """Ledgers: immutable pages, and a checkpoint of the head that spares reading all of them.

    The number of a page is the concurrency control: each can be created once. The effects of a
    commit are in the same transaction; EffectStore has them from then on.

    Every method raises RetryableError when the store is busy, locked or out of reach, and
    LedgerBroken for a document that does not match its hash or was written by a newer schema.
    """

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head after the last page; None for a ledger without a commit.

        The answer may lag behind recent commits. LedgerBroken: a page after the checkpoint does
        not follow the one before it.
        """
        ...

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number: a point read. It may lag behind recent commits."""
        ...

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number. The answer may lag behind recent commits."""
        ...

    async def latest_slots(self, ledger: LedgerId, before: Slot, limit: int) -> list[Slot]:
        """Return the slots of the last pages before a slot, descending: one for each page.

        At most `limit` pages; a slot with several pages comes several times. The answer may lag
        behind recent commits.
        """
        ...

    async def commit(self, commit: Commit) -> None:
        """Create pages and effects, and write the checkpoint where one is due, in one transaction.

        HeadMovedError: another process has created a page of that number, and nothing was written.
        Any other RetryableError leaves open whether it was written: read the pages again. Never
        repeat it without that.
        """
        ...

    async def write_checkpoint(self, head: Head) -> bool:
        """Write the checkpoint of a quiet ledger; False, and nothing written, for an older head."""
        ...

    def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        """Yield all pages with a higher number than `after`, in order.

        A query: it may lag behind recent commits. `app.ledger.reading` makes up for that.
        """
        ...

    def page_documents(self, ledger: LedgerId) -> AsyncGenerator[Document]:
        """Yield the documents of all pages as they were written, in order, hash included.

        A query as `pages`. What a store adds of its own is left out.
        """
        ...

    async def ledgers_of_pages(self) -> list[LedgerId]:
        """Return the ledgers that have any page, with or without a head: a look at every page."""
        ...

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        ...


class LedgerRepairs(Protocol):
    """Access for `metering repair` alone: write and remove documents of a ledger as they are.

    Nothing else may write to the ledger meanwhile. Every method is safe to repeat.
    """

    async def page_document(self, ledger: LedgerId, number: int, segment: int) -> Document | None:
        """Return a page as it was written, damaged or not."""
        ...

    async def documents_after(self, ledger: LedgerId, page: int, segments: int) -> list[Document]:
        """Return what is after a page, as it is stored; the pages through it have `segments`."""
        ...

    async def restore_page(self, page: Page, segment: int) -> None:
        """Write a page over the one of its number."""
        ...

    async def replace_heads(self, heads: Sequence[Head]) -> None:
        """Write the checkpoint of each segment in order, the last one the head of the ledger."""
        ...

    async def remove(self, ledger: LedgerId, documents: Sequence[Document]) -> None:
        """Remove what `documents_after` returned."""
        ...


class StoredCursor(NamedTuple):
    """A rollup's cursor as read, with the tag that a replacement must name."""

    cursor: Cursor
    etag: str


class RollupStore(Protocol):
    """Rollups: one cursor and many parts for each ledger, written together.

    Reading raises RollupBroken for a document that cannot be read or was written by a newer schema.
    A rollup may be lost at any time: it follows from the pages.
    """

    async def read_cursor(self, ledger: LedgerId) -> StoredCursor | None:
        """Return the cursor as last written; None for a ledger without a rollup."""
        ...

    def parts(self, ledger: LedgerId, names: Collection[PartName]) -> AsyncIterator[Part]:
        """Yield those of these parts that are there, in any order.

        They may be newer or older than a cursor that was read before: compare their pages.
        """
        ...

    async def write_rollup(self, step: Step, etag: str | None) -> str:
        """Write the parts and the cursor in one transaction; return the cursor's new tag.

        `etag` is that of the cursor the step was made on, None for a new rollup. HeadMovedError:
        another process was first and nothing was written. Any other RetryableError leaves open
        whether it was written: read again.
        """
        ...

    async def reset_rollup(self, ledger: LedgerId) -> str:
        """Put the cursor back to before the first page, whatever it was; return its new tag.

        No part is listed from then on; what is left of parts is written over or never read. Safe
        to repeat.
        """
        ...


class StoredEffect(NamedTuple):
    """An effect that has not been delivered, with how its delivery went so far."""

    effect: Effect
    due: Instant | None
    """The time of the next attempt; None once it is parked."""
    attempts: int = 0
    """Times that its delivery failed."""
    failure: str = ""
    """The reason of the last failure."""


class EffectStore(Protocol):
    """The outbox: effects that commits left, until they are delivered.

    An effect is due from its commit on. The first `settle` decides for ever: whatever another
    process asks for afterwards has no effect, and a missing effect is ignored. So
    every method is safe to repeat; a failure that is noted twice counts as two attempts. Every
    method raises RetryableError when the store is busy, locked or out of reach; what it was asked
    to do may have been done.
    """

    async def due(self, now: Instant, limit: int) -> list[StoredEffect]:
        """Return those neither delivered nor parked that are due by `now`, oldest due first.

        At most `limit`. The answer may lag behind recent commits and behind other processes: an
        effect in it may have been settled by another process meanwhile.
        """
        ...

    async def settle(self, effect: Effect, at: Instant) -> None:
        """Note that it was delivered: never due again, parked or not."""
        ...

    async def postpone(self, effect: Effect, due: Instant, reason: str) -> None:
        """Note a failed attempt and its reason; it is due at `due` (again, if it was parked)."""
        ...

    async def park(self, effect: Effect, reason: str) -> None:
        """Note a last failed attempt and its reason: no longer due, kept for a person to see."""
        ...

    async def parked(self, limit: int) -> list[StoredEffect]:
        """Return those that were given up, oldest commit first, at most `limit`."""
        ...

    async def effects_of(self, ledger: LedgerId, limit: int) -> list[Effect]:
        """Return a ledger's effects, delivered or not, newest first, at most `limit`."""
        ...
