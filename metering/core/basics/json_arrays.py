"""The items of a JSON array as their bytes: one that cannot be read does not spoil the others."""

import re
from typing import Final

from pydantic_core import from_json

_SPACE: Final = b" \t\r\n"
#: A text, or a character that structures what is around it. Texts come first, so that a bracket in
#: one structures nothing.
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)


def array_items(content: bytes, most: int) -> list[bytes] | None:
    """Return the items of an array, unread; none for any other JSON value, None for no JSON.

    It stops after more than `most` items. What is between two commas may be no JSON.
    """
    text = content.strip(_SPACE)
    if not text.startswith(b"["):
        return _nothing(text)
    items: list[bytes] = []
    depth, start = 0, 1
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in {b"[", b"{"}:
            depth += 1
        elif mark in {b"]", b"}"}:
            depth -= 1
        is_end = depth == 0 and mark == b"]" and token.end() == len(text)
        if is_end or (depth == 1 and mark == b","):
            items.append(text[start : token.start()].strip(_SPACE))
            start = token.end()
        if is_end:
            return [] if items == [b""] else items
        if depth <= 0 or len(items) > most:
            break
    return items if len(items) > most else None


def _nothing(text: bytes) -> list[bytes] | None:
    try:
        from_json(text)
    except ValueError:
        return None
    return []
