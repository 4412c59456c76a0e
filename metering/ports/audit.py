"""The log of what operators did."""

from typing import Protocol

from metering.core.tenancy.audit import AuditEntry


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
