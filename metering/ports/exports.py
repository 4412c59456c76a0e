"""The store of exports, where a file is visible complete or not at all; and formats of tables."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from metering.core.basics.columns import Column
from metering.core.basics.csv_text import Cell
from metering.core.exports.delivery_manifest import Format


class Staged(NamedTuple):
    """A file that is stored but not published yet."""

    name: str
    parts: tuple[str, ...]
    """The identifiers of its parts in the store."""


class ExportStore(Protocol):
    """Files by name, as core/exports/delivery_manifest has them: `/` between folders, no dot first.

    Every method raises RetryableError if the store is busy, full or unreachable, and
    ConfigurationError for a malformed name, a missing location, a failed sign-in or a missing
    permission. All are safe to repeat.
    """

    async def stage(self, name: str, content: AsyncIterator[bytes]) -> Staged:
        """Store a file's content without publishing it; the published file stays visible.

        Uses a few megabytes of memory at most. Files staged and never published are deleted
        after some days.
        """
        ...

    async def publish(self, *staged: Staged) -> None:
        """Publish staged files, each under its name at once, replacing the previous file.

        All of them are durable when it returns; after an error some are published. RetryableError
        if another process has staged the same name since: stage the file again.
        """
        ...

    async def discard(self, staged: Staged) -> None:
        """Delete a staged file; one that does not exist is ignored."""
        ...

    async def read(self, name: str) -> bytes | None:
        """Return the content of a small published file; None if it does not exist."""
        ...

    async def names(self, prefix: str) -> list[str]:
        """Return the names of published files with this prefix, sorted."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a published file; one that does not exist is ignored."""
        ...

    async def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders right below a folder, sorted, as far as they are seen.

        One with staged files alone may be among them; blobs have none without a published file.
        """
        ...

    async def remove_folder(self, prefix: str) -> None:
        """Remove a folder with all that is in it, staged files too; a missing one is ignored."""
        ...


class Chunk(NamedTuple):
    """A piece of a file, and the number of data rows in it."""

    content: bytes
    rows: int = 0


class Table(NamedTuple):
    """A table of a report; its rows can be read once."""

    columns: Sequence[Column]
    rows: AsyncIterable[Sequence[Cell]]


class TableFormat(Protocol):
    """A file format of tables. The same table gives the same bytes."""

    @property
    def name(self) -> Format:
        """The name of the format, which is also the ending of its files."""
        ...

    def chunks(self, file: str, table: Table) -> AsyncIterator[Chunk]:
        """Yield the file of a table, with memory bounded; `file` names it in errors.

        Raises ConfigurationError, with row and column, for a value that the format cannot hold
        exactly.
        """
        ...
