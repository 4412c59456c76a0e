"""The rows of one file of an export, as text, whatever its format."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

type OnBytes = Callable[[int], None]
"""Receives the number of bytes of a file read so far."""


class FileRows(NamedTuple):
    """An open file."""

    header: Sequence[str]
    rows: Iterator[tuple[str, Sequence[str]]]
    """Each with its place in the file, such as `line 2`."""


class OpenedRows(Protocol):
    """Opens files of one format."""

    @property
    def endings(self) -> tuple[str, ...]:
        """The suffixes of such files, in lower case."""
        ...

    def opened(self, path: Path, on_bytes: OnBytes) -> AbstractContextManager[FileRows]:
        """Return the rows of a file. ConfigurationError, with the file, if it cannot be read."""
        ...
