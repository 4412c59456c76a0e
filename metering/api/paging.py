"""Lists in pages. A cursor is opaque and marks where the next page starts."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Annotated, Final

from fastapi import Query
from pydantic_core import from_json

from metering.api.problems import Problem
from metering.documents.document import Document

MAX_LIMIT: Final = 200
_DIGEST_BYTES: Final = 8
MAX_CURSOR: Final = 4_096

#: The types of the parts of a key.
_PARTS: Final = frozenset({str, int, type(None)})

type Key = tuple[str | int | None, ...]

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The maximum number of items.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR, description="`next` of the previous page. Default: the first page."
    ),
]


class Page[T](Document):
    """A page of a list."""

    items: list[T]
    next: str | None = None


def cursor_at(listed: str, key: Key) -> str:
    """Return the cursor after a key of a list. `listed` identifies the list and its filters."""
    content = json.dumps(key, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(listed, content) + content).rstrip(b"=").decode()


def key_of(listed: str, cursor: str | None, like: Key | None = None) -> Key | None:
    """Return the key of a cursor; None without a cursor.

    `like` is a key of the list, whose number and types of parts the key must have. Raises 400 for a
    cursor of another list. The digest in a cursor finds mistakes; it does not prevent forgery, so
    whatever a cursor says is checked.
    """
    if cursor is None:
        return None
    key = _key(listed, cursor)
    if key is None or (like is not None and list(map(type, key)) != list(map(type, like))):
        fault = {"field": "cursor", "message": "must be a cursor of this list"}
        raise Problem(400, "cursor: must be a cursor of this list", errors=[fault])
    return key


def _key(listed: str, cursor: str) -> Key | None:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        content = raw[_DIGEST_BYTES:]
        if raw[:_DIGEST_BYTES] != _digest(listed, content):
            return None
        parts = from_json(content, allow_inf_nan=False)
    except ValueError:
        return None
    if not isinstance(parts, list) or not all(type(part) in _PARTS for part in parts):
        return None
    return tuple(parts)


def _digest(listed: str, content: bytes) -> bytes:
    return hashlib.blake2b(listed.encode() + b"\0" + content, digest_size=_DIGEST_BYTES).digest()


def page_of[E, T](
    rows: Iterable[E],
    key: Callable[[E], Key],
    document: Callable[[E], T],
    *,
    listed: str,
    cursor: str | None,
    limit: int,
) -> Page[T]:
    """Return a page of rows, which must be sorted by key."""
    after = key_of(listed, cursor)
    found: list[E] = []
    for row in rows:
        if after is not None and sort_key(key(row)) <= sort_key(after):
            continue
        if len(found) == limit:
            return Page(
                items=[document(one) for one in found], next=cursor_at(listed, key(found[-1]))
            )
        found.append(row)
    return Page(items=[document(one) for one in found])


def sort_key(key: Key) -> tuple[tuple[int, int, str], ...]:
    """Return the sort key: null parts come first, then numbers, then texts."""
    return tuple(map(_in_order, key))


def _in_order(part: str | int | None) -> tuple[int, int, str]:
    if part is None:
        return 0, 0, ""
    return (1, part, "") if isinstance(part, int) else (2, 0, part)
