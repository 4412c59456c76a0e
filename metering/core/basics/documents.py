"""JSON documents as a store keeps them, and how reading a foreign one fails."""

from typing import Any, Final

from pydantic_core import PydanticSerializationError

#: What reading a document of any other make may raise; all of them say the same: it is not ours.
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
"""A JSON object as a store keeps it; it goes no further than the adapters."""
