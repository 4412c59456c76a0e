"""The columns of a report's table: names and kinds, for formats that have types."""

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """The kind of a column's values."""

    TEXT = "text"
    COUNT = "count"
    """Whole numbers."""
    DECIMAL = "decimal"
    """Money, prices and quantities: exact, with at most 18 decimals."""
    TIME = "time"
    """Instants, written as RFC 3339 in UTC."""
    DAY = "day"
    """Days in UTC, such as 2026-11-20."""


class Column(NamedTuple):
    """One column of a table."""

    name: str
    kind: Kind = Kind.TEXT
