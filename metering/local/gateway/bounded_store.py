"""Keeps what clients may come back to, in memory, each for the caller that made it."""

from collections import OrderedDict
from typing import Final, NamedTuple

#: Then the oldest are forgotten, as services forget them after a while.
_MAX_BYTES: Final = 64 * 1_048_576
_MAX_ENTRIES: Final = 10_000


class _Entry[T](NamedTuple):
    subject: str
    value: T
    size: int


class BoundedStore[T]:
    """Values by their id. What is over the bounds is forgotten, the oldest first."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._entries: OrderedDict[str, _Entry[T]] = OrderedDict()
        self._max_bytes = max_bytes
        self._bytes = 0

    def put(self, subject: str, name: str, value: T, size: int) -> None:
        """Keep a value of a caller, which is about so many bytes large."""
        self._entries[name] = _Entry(subject, value, size)
        self._bytes += size
        while self._bytes > self._max_bytes or len(self._entries) > _MAX_ENTRIES:
            self.drop(next(iter(self._entries)))

    def find(self, subject: str, name: object) -> T | None:
        """Return a value of a caller, or None."""
        entry = self._entries.get(name) if isinstance(name, str) else None
        return entry.value if entry is not None and entry.subject == subject else None

    def drop(self, name: str) -> None:
        """Forget a value."""
        self._bytes -= self._entries.pop(name).size
