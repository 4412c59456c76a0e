"""Shelves: what a process remembers of the register, by place, in bounded memory."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from metering.core.streams.filing import Filed
from metering.core.streams.id_index import Digest, IdIndex
from metering.core.streams.sheets import Row, Sheet, sheet_of

#: About how many bytes the register takes in one process: some 8 million final requests, or 1.5
#: million streams. An instance of 2 GB has room for it beside everything else.
MAX_BYTES: Final = 256 * 1024 * 1024
#: About how many bytes Python takes to remember one document, and a place without any.
_DOCUMENT_SIZE: Final = 600
_SHELF_SIZE: Final = 1_000


@dataclass(slots=True)
class Shelf:
    """The documents of one place, as far as they have been read."""

    read_to: int | None = None
    """The order of filing up to which it was read; None before the first time."""
    _index: IdIndex = field(default_factory=IdIndex)
    _sheets: list[Sheet] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    _size: int = _SHELF_SIZE
    _rows: int = 0

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return self._size + self._index.size

    def add(self, filed: Filed) -> None:
        """Add a document; one that is there changes nothing, and the first row of an id stands."""
        if filed.id in self._known:
            return
        self._known.add(filed.id)
        sheet = sheet_of(filed)
        self._starts.append(self._rows)
        self._sheets.append(sheet)
        for digest in sheet.digests():
            self._index.add(digest, self._rows)
            self._rows += 1
        self._size += sheet.size + _DOCUMENT_SIZE

    def find(self, digest: Digest) -> Row | None:
        """Return the row of a digest, or None."""
        number = self._index.find(digest)
        if number is None:
            return None
        sheet = bisect_right(self._starts, number) - 1
        return self._sheets[sheet].row(number - self._starts[sheet])


@dataclass(slots=True)
class Shelves:
    """The shelves of one process; those used least recently go first."""

    max_bytes: int = MAX_BYTES
    _shelves: OrderedDict[str, Shelf] = field(default_factory=OrderedDict)
    _size: int = 0

    def find(self, digest: Digest, places: Iterable[str]) -> Row | None:
        """Return the row of a digest on the first of these shelves that has one."""
        for place in places:
            shelf = self._shelves.get(place)
            row = None if shelf is None else shelf.find(digest)
            if row is not None:
                return row
        return None

    def read_to(self, place: str) -> int | None:
        """Return up to where a place was read; None for one that is not remembered."""
        shelf = self._shelves.get(place)
        return None if shelf is None else shelf.read_to

    def add(self, filed: Filed) -> None:
        """Add a document to its shelf."""
        shelf = self._shelf(filed.place)
        before = shelf.size
        shelf.add(filed)
        self._size += shelf.size - before

    def now_read(self, places: Iterable[str], to: int) -> None:
        """Note that these places were read up to an order of filing, and are in use."""
        for place in places:
            shelf = self._shelf(place)
            shelf.read_to = max(shelf.read_to or 0, to)
            self._shelves.move_to_end(place)

    def is_full(self, in_use: Collection[str]) -> bool:
        """Forget shelves that are not in use while there are too many bytes; say if some remain."""
        if self._size > self.max_bytes:
            for place in [one for one in self._shelves if one not in in_use]:
                self.forget(place)
                if self._size <= self.max_bytes:
                    break
        return self._size > self.max_bytes

    def forget(self, place: str) -> None:
        """Forget what was read of a place."""
        shelf = self._shelves.pop(place, None)
        self._size -= 0 if shelf is None else shelf.size

    def _shelf(self, place: str) -> Shelf:
        shelf = self._shelves.get(place)
        if shelf is None:
            shelf = self._shelves[place] = Shelf()
            self._size += shelf.size
        return shelf
