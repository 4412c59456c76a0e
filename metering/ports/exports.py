"""Where deliveries go: files that are there whole or not at all."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class Staged(NamedTuple):
    """A file that is kept and that nobody sees yet."""

    name: str
    parts: tuple[str, ...]
    """What the store knows it by."""


class ExportStore(Protocol):
    """Files by name, as core/exports/delivery_manifest has them: `/` between folders, no dot first.

    Every method raises RetryableError when the store is busy, full or out of reach, and
    ConfigurationError for a name of another form, a place that is not there, a failed sign-in or a
    permission that lacks. All are safe to repeat.
    """

    async def stage(self, name: str, content: AsyncIterator[bytes]) -> Staged:
        """Keep a file's content, out of sight; what had the name before stays in sight.

        Holds no more than a few megabytes in memory. What is staged and never published is
        forgotten in days.
        """
        ...

    async def publish(self, staged: Staged) -> None:
        """Put a staged file under its name at once, in place of what was there.

        RetryableError where somebody else staged the same name since: stage it again.
        """
        ...

    async def discard(self, staged: Staged) -> None:
        """Forget a staged file; one that is gone already is no error."""
        ...

    async def read(self, name: str) -> bytes | None:
        """Return a published file whole, for small ones; None where there is none."""
        ...

    async def names(self, prefix: str) -> list[str]:
        """Return the names of published files that begin so, sorted."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a published file; one that is gone already is no error."""
        ...
