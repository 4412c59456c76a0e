"""JSON documents of a store, and the errors of reading a malformed one."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import PydanticSerializationError

from metering.core.basics.errors import NewerVersionError

#: Errors of reading a document that this package did not write.
UNREADABLE_DOCUMENT: Final = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    PydanticSerializationError,
    TypeError,
    ValueError,
)


#: JSON numbers are exact below it: many readers, Cosmos DB among them, keep 64-bit floats.
EXACT: Final = 2**53

type Document = dict[str, Any]
"""A JSON object as stored."""


def check_schema(document: Document, known: int, what: str) -> None:
    """Raise unless a document has the schema that this version reads and writes.

    NewerVersionError for a later one: while instances are replaced one by one, the old ones leave
    what the new ones wrote to them. ValueError, with the reason, for any other.
    """
    found = document.get("schema")
    if found == known:
        return
    if type(found) is int and found > known:
        raise NewerVersionError(
            f"{what}: written by a newer version (schema {found}, this is {known}): deploy that"
        )
    raise ValueError(f"has schema {found}, not {known}")


def exact(value: int) -> int | str:
    """Return an integer as stored: a number while every reader keeps it exactly, else its text."""
    return value if -EXACT < value < EXACT else str(value)


def exact_counts(counts: Mapping[str, int]) -> dict[str, int | str]:
    """Return counts by name as stored."""
    return {name: exact(count) for name, count in counts.items()}


def exact_values(value: Any) -> Any:
    """Return a JSON value with every integer in it as `exact` writes it."""
    if isinstance(value, dict):
        return {name: exact_values(part) for name, part in value.items()}
    if isinstance(value, list):
        return [exact_values(part) for part in value]
    return exact(value) if type(value) is int else value


def is_rounded(value: Any) -> bool:
    """Say whether a JSON value has a number in it that a store of 64-bit floats has rounded."""
    return bool(exact_values(value) != value)


def read_whole(value: object) -> int:
    """Return an integer that `exact` wrote; TypeError or ValueError for anything else."""
    if type(value) is int:
        return value
    if not isinstance(value, str) or exact(int(value)) != value:
        raise TypeError(f"{value!r} is not a whole number")
    return int(value)
