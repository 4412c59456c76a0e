"""JSON documents of a store, and the errors of reading a malformed one."""

from typing import Any, Final

from pydantic_core import PydanticSerializationError

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


type Document = dict[str, Any]
"""A JSON object as stored."""
