"""Files as Event Hubs Capture writes them: Avro, one schema, blocks of events."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import fastavro

_VALUE: Final = ["long", "double", "string", "bytes"]
SCHEMA: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "EventData",
        "namespace": "Microsoft.ServiceBus.Messaging",
        "fields": [
            {"name": "SequenceNumber", "type": "long"},
            {"name": "Offset", "type": "string"},
            {"name": "EnqueuedTimeUtc", "type": "string"},
            {"name": "SystemProperties", "type": {"type": "map", "values": _VALUE}},
            {"name": "Properties", "type": {"type": "map", "values": [*_VALUE, "null"]}},
            {"name": "Body", "type": ["null", "bytes"]},
        ],
    }
)


def captured(
    bodies: Sequence[bytes | None], *, first: int = 0, codec: str = "null", block: int = 400
) -> bytes:
    """Return the content of one file."""
    records: list[dict[str, Any]] = [
        {
            "SequenceNumber": number,
            "Offset": str(number * 100),
            "EnqueuedTimeUtc": "11/20/2026 11:45:30 AM",
            "SystemProperties": {"x-opt-enqueued-time": 1795175130000, "x-opt-publisher": "a"},
            "Properties": {"traceparent": "x", "empty": None},
            "Body": body,
        }
        for number, body in enumerate(bodies, first)
    ]
    stream = io.BytesIO()
    fastavro.writer(stream, SCHEMA, records, codec=codec, sync_interval=block)
    return stream.getvalue()


def name_of(partition: int, minute: int, *, hub: str = "usage", namespace: str = "evhns") -> str:
    """Return the name that Capture gives a file by default."""
    return f"{namespace}/{hub}/{partition}/2026/11/20/11/{minute:02d}/07.avro"


def write(folder: Path, name: str, content: bytes) -> Path:
    """Put a file where Capture would."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
