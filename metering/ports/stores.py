"""Stores of what was counted and of who pays."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple, Protocol

from metering.core.billing.statement import Statement
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.credit.account import Account
from metering.core.ledger.commit import Commit
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.reports.rollup import Cursor, Part, PartName
from metering.core.reports.rollup_document import Step
from metering.core.tenancy.directory import Record


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

    def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncIterator[Page]:
        """Yield all pages with a higher number than `after`, in order."""
        ...

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        ...


class RegistryStore(Protocol):
    """The append-only records of tenants and plans."""

    async def read_records(self, after: int) -> list[Record]:
        """Return the records beyond the first `after`, in the order they were appended."""
        ...

    async def append_record(self, record: Record, expected: int) -> bool:
        """Append a record as number `expected` + 1; False (nothing written) if that one exists."""
        ...


class PriceStore(Protocol):
    """Published versions of price lists, each immutable under its name."""

    async def put_version(self, version: str, content: bytes) -> bool:
        """Keep a version's price file. False, and nothing written, if that name has another.

        Safe to repeat: the same content again is True.
        """
        ...

    async def read_version(self, version: str) -> bytes | None:
        """Return a version's price file as it was put."""
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
        somebody else was first and nothing was written. Any other RetryableError leaves open
        whether it was written: look again.
        """
        ...

    async def reset_rollup(self, ledger: LedgerId) -> str:
        """Put the cursor back to before the first page, whatever it was; return its new tag.

        No part is listed from then on; what is left of parts is written over or never read. Safe
        to repeat.
        """
        ...


class StoredAccount(NamedTuple):
    """An account as read, with the tag that a replacement must name."""

    account: Account
    etag: str


class AccountStore(Protocol):
    """The account of each tenant: what its closed periods took from its grants.

    Every method raises RetryableError when the store is busy, locked or out of reach, and
    InvariantBroken for a document that cannot be read or was written by a newer schema.
    """

    async def read_account(self, tenant: str) -> StoredAccount | None:
        """Return the account as last written; None for a tenant without one."""
        ...

    async def replace_account(self, account: Account, etag: str | None) -> str:
        """Write an account whole; return its new tag.

        `etag` is that of the account it was made from, None for a tenant without one.
        HeadMovedError: somebody else was first and nothing was written. Any other RetryableError
        leaves open whether it was written: read again, a ledger that is in it is settled.
        """
        ...


class StatementStore(Protocol):
    """Statements: one for each closed period of a tenant, written once.

    Every method raises RetryableError when the store is busy, locked or out of reach, and
    InvariantBroken for a document that does not match its hash or was written by a newer schema.
    """

    async def put_statement(self, statement: Statement) -> bool:
        """Keep a statement; False, and nothing written, if its ledger has one already.

        A RetryableError leaves open whether it was written: ask again.
        """
        ...

    async def read_statement(self, ledger: LedgerId) -> Statement | None:
        """Return the statement of a period; None for one that is not closed."""
        ...

    async def latest_statement(self, tenant: str) -> Statement | None:
        """Return a tenant's last statement. It may lag behind one that was just put elsewhere."""
        ...

    def statements(self, tenant: str) -> AsyncIterator[Statement]:
        """Yield a tenant's statements, the earliest period first."""
        ...
