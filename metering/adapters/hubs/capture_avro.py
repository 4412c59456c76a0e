"""The Avro files of Event Hubs Capture: a header with the schema, then blocks of events."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from metering.core.basics.errors import CaptureDamaged
from metering.core.hubs.capture import CapturedEvent

#: The errors that the decoder raises for damaged files.
_DAMAGE: Final = (
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OverflowError,
    RecursionError,
    SchemaParseException,
    StopIteration,
    TypeError,
    UnknownType,
    ValueError,
    struct.error,
    zlib.error,
)
_MAX_REASON: Final = 200


def read_capture(stream: BinaryIO) -> Iterator[CapturedEvent]:
    """Yield the events of one file; raise CaptureDamaged after the last readable one."""
    records = _opened(stream)
    while True:
        try:
            record = next(records, None)
            if record is None:
                return
            event = CapturedEvent(int(record["SequenceNumber"]), bytes(record["Body"] or b""))
        except _DAMAGE as error:
            raise CaptureDamaged(_reason(error)) from error
        yield event


def _opened(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    try:
        reader: Any = fastavro.reader(stream)
        schema = reader.writer_schema
        names = {field["name"] for field in schema["fields"]}
    except _DAMAGE as error:
        raise CaptureDamaged(_reason(error)) from error
    if not {"SequenceNumber", "Body"} <= names:
        raise CaptureDamaged("is not a Capture file: its schema lacks SequenceNumber or Body")
    return iter(reader)


def _reason(error: BaseException) -> str:
    line = str(error).strip().partition("\n")[0][:_MAX_REASON]
    return f"cannot be read: {line or 'the file ends too early'}"
