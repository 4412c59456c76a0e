"""The Avro files of Event Hubs Capture: a header with the schema, then blocks of events.

The container is read here (Avro specification 1.11, "Object Container Files"), because a reader
that trusts its lengths takes a gigabyte for a file of some hundred kilobytes. fastavro decodes the
records.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, Final, NamedTuple

import fastavro
from fastavro.schema import SchemaParseException, UnknownType
from pydantic_core import from_json

from metering.core.basics.errors import CaptureDamaged
from metering.core.hubs.capture import CapturedEvent

#: Of a block as it is stored and as it is decoded. Capture's have some hundred kilobytes, and an
#: event has 1 MB at most, in a dedicated cluster 20 MB (Event Hubs quotas, 2026).
MAX_BLOCK_BYTES: Final = 32 * 1024 * 1024
_MAX_HEADER_BYTES: Final = 64 * 1024
_MAGIC: Final = b"Obj\x01"
_SYNC_BYTES: Final = 16
#: Bytes of an integer of 64 bits in groups of seven.
_MAX_VARINT_BYTES: Final = 10
_METADATA: Final = {"type": "map", "values": "bytes"}
_SIMPLE: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})

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


class _Header(NamedTuple):
    """The schema, the codec and the sync marker of the blocks of a file."""

    schema: Any
    codec: str
    sync: bytes


class _Block(NamedTuple):
    """Some records, decompressed."""

    records: int
    data: bytes


def read_capture(stream: BinaryIO) -> Iterator[CapturedEvent]:
    """Yield the events of one file; raise CaptureDamaged after the last readable one.

    It holds one block at a time, of MAX_BLOCK_BYTES at most.
    """
    header = _read(partial(_header, stream))
    if not {"SequenceNumber", "Body"} <= {field["name"] for field in header.schema["fields"]}:
        raise CaptureDamaged("is not a Capture file: its schema lacks SequenceNumber or Body")
    while True:
        block = _read(partial(_block, stream, header))
        if block is None:
            return
        data = io.BytesIO(block.data)
        for _ in range(block.records):
            yield _read(partial(_event, data, header))
        if _read(partial(_exactly, stream, _SYNC_BYTES)) != header.sync:
            raise CaptureDamaged("cannot be read: a block does not end with the file's marker")


def _read[T](work: Callable[[], T]) -> T:
    try:
        return work()
    except _DAMAGE as error:
        raise CaptureDamaged(_reason(error)) from error


def _header(stream: BinaryIO) -> _Header:
    if _exactly(stream, len(_MAGIC)) != _MAGIC:
        raise ValueError("it is no Avro file")
    start = stream.read(_MAX_HEADER_BYTES)
    metadata = io.BytesIO(start)
    found: Any = fastavro.schemaless_reader(metadata, _METADATA)
    stream.seek(len(_MAGIC) + metadata.tell())
    schema = from_json(found["avro.schema"])
    _must_be_flat(schema)
    codec = found.get("avro.codec", b"null").decode()
    if codec not in {"null", "deflate"}:
        raise ValueError(f"its codec is {codec[:20]!r}, neither null nor deflate")
    return _Header(fastavro.parse_schema(schema), codec, _exactly(stream, _SYNC_BYTES))


def _must_be_flat(schema: Any) -> None:
    """Raise ValueError for a schema whose records may be larger than their bytes, or recursive."""
    if schema["type"] != "record":
        raise ValueError("its schema is not a record")
    for field in schema["fields"]:
        _must_be_simple(field["type"], depth=2)


def _must_be_simple(schema: Any, depth: int) -> None:
    if isinstance(schema, str) and schema in _SIMPLE:
        return
    if depth and isinstance(schema, list):
        for one in schema:
            _must_be_simple(one, depth - 1)
    elif depth and isinstance(schema, dict) and schema.get("type") == "map":
        _must_be_simple(schema["values"], depth - 1)
    elif depth and isinstance(schema, dict) and isinstance(schema.get("type"), str):
        _must_be_simple(schema["type"], 0)
    else:
        raise ValueError("its schema has a type that Capture does not write")


def _block(stream: BinaryIO, header: _Header) -> _Block | None:
    records = _long(stream)
    if records is None:
        return None
    size = _long(stream)
    if size is None or not 0 <= size <= MAX_BLOCK_BYTES:
        raise ValueError(f"a block has {size} bytes, at most {MAX_BLOCK_BYTES}")
    data = _exactly(stream, size)
    if header.codec == "deflate":
        data = _inflated(data)
    # A record has at least its number and the length of its body.
    if not 0 <= records <= len(data):
        raise ValueError(f"a block of {len(data)} bytes has {records} records")
    return _Block(records, data)


def _inflated(data: bytes) -> bytes:
    unpack = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    found = unpack.decompress(data, MAX_BLOCK_BYTES)
    if unpack.unconsumed_tail:
        raise ValueError(f"a block has more than {MAX_BLOCK_BYTES} bytes uncompressed")
    return found


def _event(data: BinaryIO, header: _Header) -> CapturedEvent:
    record: Any = fastavro.schemaless_reader(data, header.schema)
    return CapturedEvent(int(record["SequenceNumber"]), bytes(record["Body"] or b""))


def _long(stream: BinaryIO) -> int | None:
    """Return an integer of variable length; None at the end of the file."""
    value = 0
    for place in range(_MAX_VARINT_BYTES):
        byte = stream.read(1)
        if not byte:
            if place:
                raise EOFError
            return None
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:  # noqa: PLR2004, the bit that says that more follows
            return (value >> 1) ^ -(value & 1)
    raise ValueError("a number has more than 64 bits")


def _exactly(stream: BinaryIO, size: int) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise EOFError
    return found


def _reason(error: BaseException) -> str:
    line = str(error).strip().partition("\n")[0][:_MAX_REASON]
    return f"cannot be read: {line or 'the file ends too early'}"
