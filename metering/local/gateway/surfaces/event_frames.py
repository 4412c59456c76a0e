"""Frames of AWS's event streams (`application/vnd.amazon.eventstream`), in which Bedrock streams.

A frame is its length, that of its headers and a checksum of both; then the headers, the payload and
a checksum of everything (AWS, "event stream encoding").
"""

import json
from struct import pack
from typing import Final
from zlib import crc32

from metering.local.gateway.refusals import Json

MEDIA_TYPE: Final = "application/vnd.amazon.eventstream"
_TEXT: Final = 7
_AROUND: Final = 16
"""Bytes of a frame that are neither headers nor payload."""


def event_frame(kind: str, content: Json) -> bytes:
    """Return one event as a frame."""
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(_header(name, value) for name, value in named.items())
    payload = json.dumps(content).encode()
    begun = pack(">II", len(headers) + len(payload) + _AROUND, len(headers))
    frame = begun + pack(">I", crc32(begun)) + headers + payload
    return frame + pack(">I", crc32(frame))


def _header(name: str, value: str) -> bytes:
    return pack(">B", len(name)) + name.encode() + pack(">BH", _TEXT, len(value)) + value.encode()
