"""Request units by the published table, counted in hundredths so that sums are exact.

Reads and writes by item size, session consistency, before indexing; between two sizes the charge
is interpolated. A replace, a patch and an upsert of an existing item cost twice an insert, a
delete costs an insert. A query costs 2.3 RU and a read for each item that it returns or counts.
"""

from itertools import pairwise

_KB = 1024
#: Size in KB, hundredths of an RU to read, hundredths of an RU to write.
_TABLE = (
    (1, 100, 495),
    (2, 104, 629),
    (4, 114, 667),
    (8, 133, 704),
    (16, 167, 952),
    (32, 219, 1123),
    (64, 476, 2267),
    (128, 995, 4819),
    (256, 2028, 9829),
    (512, 4095, 18457),
    (1024, 14590, 62500),
    (2048, 29180, 125000),
)
METADATA = 100
QUERY_LEAST = 230
MISS = 100
"""A point read of a missing item costs as much as one of 1 KB."""


def _interpolate(size: int, column: int) -> int:
    if size <= _TABLE[0][0] * _KB:
        return _TABLE[0][column]
    for below, above in pairwise(_TABLE):
        start, end = below[0] * _KB, above[0] * _KB
        if size <= end:
            rise = (above[column] - below[column]) * (size - start)
            return below[column] + (2 * rise + end - start) // (2 * (end - start))
    return _TABLE[-1][column]


def read_charge(size: int) -> int:
    """Return the cost of a point read of `size` bytes, in hundredths of an RU."""
    return _interpolate(size, 1)


def insert_charge(size: int) -> int:
    """Return the cost of an insert of `size` bytes, in hundredths of an RU."""
    return _interpolate(size, 2)


def replace_charge(size: int) -> int:
    """Return the cost of a replace by `size` bytes: twice an insert."""
    return 2 * insert_charge(size)


class Charges:
    """The cost of all requests so far: in total, and by kind of request."""

    def __init__(self) -> None:
        self._hundredths: dict[str, int] = {}
        self._requests: dict[str, int] = {}

    def add(self, kind: str, hundredths: int) -> None:
        """Count one request."""
        self._hundredths[kind] = self._hundredths.get(kind, 0) + hundredths
        self._requests[kind] = self._requests.get(kind, 0) + 1

    @property
    def total(self) -> float:
        """Return all request units, those of metadata requests included."""
        return sum(self._hundredths.values()) / 100

    @property
    def items(self) -> float:
        """Return the request units of all requests about items: everything but metadata."""
        return (sum(self._hundredths.values()) - self._hundredths.get("metadata", 0)) / 100

    @property
    def by_kind(self) -> dict[str, float]:
        """Return request units by kind of request."""
        return {kind: value / 100 for kind, value in self._hundredths.items()}

    @property
    def requests(self) -> dict[str, int]:
        """Return the number of requests by kind."""
        return dict(self._requests)

    def reset(self) -> None:
        """Reset all counts to zero."""
        self._hundredths.clear()
        self._requests.clear()
