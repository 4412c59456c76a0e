"""Stores of accounts, statements and cost allocations."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from metering.core.allocation.accrual import Accrual
from metering.core.allocation.allocation import Allocation
from metering.core.basics.instants import Instant
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import LedgerId
from metering.core.credit.account import Account
from metering.core.invoices.invoice import Invoice


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
        HeadMovedError: another process was first and nothing was written. Any other RetryableError
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


class InvoiceStore(Protocol):
    """Numbered documents about statements, append-only.

    Three things are unique: the number, the place among the tenant's documents, and the subject. So
    a writer who has not seen every document writes nothing. Methods raise RetryableError when the
    store is busy, locked or out of reach, and InvariantBroken for a damaged document or one of a
    newer schema.
    """

    async def put_invoice(self, invoice: Invoice) -> bool:
        """Keep a document; False, and nothing written, if one of the three is taken.

        A RetryableError leaves open whether it was written: read again, its subject is then taken.
        """
        ...

    async def read_invoice(self, number: str) -> Invoice | None:
        """Return a document by its number: a point read."""
        ...

    async def latest_invoice(self, series: str) -> Invoice | None:
        """Return the last document of a series; the answer may lag behind recent ones."""
        ...

    def invoices(self, tenant: str) -> AsyncIterator[Invoice]:
        """Yield a tenant's documents in order; the answer may lag behind recent ones."""
        ...

    def series(self, series: str) -> AsyncIterator[Invoice]:
        """Yield the documents of a series in order; the answer may lag behind recent ones."""
        ...


class AllocationStore(Protocol):
    """Allocations: one for each deployment and month, written once and never changed.

    Names of deployments are case-insensitive, as Azure's are.

    Every method raises RetryableError when the store is busy, locked or out of reach, and
    InvariantBroken for a document that cannot be read, does not add up or is of a newer schema.
    """

    async def put_allocation(self, allocation: Allocation) -> bool:
        """Keep an allocation. False, and nothing written, if its deployment and month have one.

        Raises ConfigurationError for one that is larger than the store takes. After a
        RetryableError it may have been written or not: repeat, then read which one was kept.
        """
        ...

    async def read_allocation(self, deployment: str, month_start: Instant) -> Allocation | None:
        """Return an allocation: a point read, never behind a `put_allocation` that answered."""
        ...

    async def put_accrual(self, accrual: Accrual) -> bool:
        """Keep an accrual in place of an older one of its deployment and month.

        False, and nothing written, if a later one is kept already, or another writer came first.
        Raises ConfigurationError for one that is larger than the store takes.
        """
        ...

    async def read_accrual(self, deployment: str, month_start: Instant) -> Accrual | None:
        """Return the accrual of a deployment and month that was last kept."""
        ...
