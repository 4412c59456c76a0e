"""Lists in pages: a cursor says where the next one begins, and is nobody's to read."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Annotated, Final

from fastapi import Query

from metering.api.problems import Problem
from metering.documents.document import Document

MAX_LIMIT: Final = 200
_DIGEST_BYTES: Final = 8
_MAX_CURSOR: Final = 4_096

type Key = tuple[str | int | None, ...]

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many.")]
Cursor = Annotated[
    str | None,
    Query(max_length=_MAX_CURSOR, description="`next` of the page before; the first without it."),
]


class Page[T](Document):
    """A part of a list."""

    items: list[T]
    next: str | None = None


def cursor_at(listed: str, key: Key) -> str:
    """Return the cursor that stands after a key of a list; `listed` names list and filters."""
    content = json.dumps(key, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(listed, content) + content).rstrip(b"=").decode()


def key_of(listed: str, cursor: str | None) -> Key | None:
    """Return the key that a cursor stands after; a problem for one that is not of this list."""
    if cursor is None:
        return None
    content = _content(listed, cursor)
    if content is None:
        fault = {"field": "cursor", "message": "is not a cursor of this list"}
        raise Problem(400, "cursor: is not a cursor of this list", errors=[fault])
    return tuple(json.loads(content))


def _content(listed: str, cursor: str) -> bytes | None:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    content = raw[_DIGEST_BYTES:]
    return content if raw[:_DIGEST_BYTES] == _digest(listed, content) else None


def _digest(listed: str, content: bytes) -> bytes:
    return hashlib.blake2b(listed.encode() + b"\0" + content, digest_size=_DIGEST_BYTES).digest()


def page_of[E, T](
    rows: Iterable[E],
    key: Callable[[E], Key],
    shown: Callable[[E], T],
    *,
    listed: str,
    cursor: str | None,
    limit: int,
) -> Page[T]:
    """Return a page of rows that are in the order of their keys."""
    after = key_of(listed, cursor)
    found: list[E] = []
    for row in rows:
        if after is not None and sort_key(key(row)) <= sort_key(after):
            continue
        if len(found) == limit:
            return Page(items=[shown(one) for one in found], next=cursor_at(listed, key(found[-1])))
        found.append(row)
    return Page(items=[shown(one) for one in found])


def sort_key(key: Key) -> tuple[tuple[bool, str | int], ...]:
    """Return what keys are compared by: a part without a name comes first."""
    return tuple((part is not None, part if part is not None else "") for part in key)
