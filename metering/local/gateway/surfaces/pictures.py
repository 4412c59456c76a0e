"""Pictures: PNG files of one shade, which a hash of the prompt decides."""

import struct
import zlib
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_SIDE: Final = 4_096


def picture(seed: str, width: int, height: int) -> bytes:
    """Return a PNG file of a size. Raises ValueError for a size that no model makes."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ValueError(f"{width} x {height}: sides are 1 to {MAX_SIDE}")
    shade = zlib.crc32(seed.encode()) & 0xFF
    # Eight bits of grey; each row begins with the filter that is none.
    rows = (b"\0" + bytes([shade]) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        _SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
