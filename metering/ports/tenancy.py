"""Stores of tenants and price lists, verification of callers, and the audit log."""

from typing import Protocol

from metering.core.tenancy.access import Identity
from metering.core.tenancy.audit import AuditEntry
from metering.core.tenancy.record import Record


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


class TokenVerifier(Protocol):
    """Verifies bearer tokens."""

    async def verify(self, token: str) -> Identity:
        """Return who a token names.

        NotSignedIn, with a reason that may be told, unless its signature, issuer, audience and
        times all hold. RetryableError where that cannot be known now.
        """
        ...


class AuditLog(Protocol):
    """Entries of who changed what, append-only.

    Every method raises RetryableError when the store is busy, locked or out of reach.
    """

    async def append_audit(self, entry: AuditEntry) -> None:
        """Keep an entry. Safe to repeat: one of the same id stays as it is."""
        ...

    async def read_audit(self, day: str, *, before: str | None, limit: int) -> list[AuditEntry]:
        """Return a UTC day's entries, newest first, at most `limit`.

        `before`: only those whose id sorts before it; None is from the newest.
        """
        ...
