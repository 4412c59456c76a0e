"""Bodies that are not one JSON document: whole documents are found, and the rest has its place.

Azure Monitor's bodies arrive cut off, with two documents in one, or with a record that is not JSON.
Positions are bytes. Each byte is looked at a bounded number of times.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

#: Objects around one failure that are tried again: records are within two others. Each try may
#: read to the failure again, so the bound keeps hostile nesting linear.
_MAX_RETRIES: Final = 16
#: The same for objects around a text that is not UTF-8.
_MAX_AROUND: Final = 2
#: The position of a failure that has none: the nesting is too deep to be followed.
_TOO_DEEP: Final = -2

#: The beginning of an object. No text inside a string looks like it: its quotes are escaped.
_OBJECT: Final = re.compile(r'\{\s*+"')
#: Between documents and around records.
_SEPARATORS: Final = re.compile(r"[\s,\]}]*+")
_OPENING: Final = re.compile(r'\s*+(?:\[|\{\s*+"records"\s*+:\s*+\[)', re.IGNORECASE)
_TOKENS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
#: Finds extents alone: a number of any length is a number.
_DECODER: Final = json.JSONDecoder(parse_int=len)


class Document(NamedTuple):
    """A part of a body that is JSON, and accepted."""

    start: int
    content: Any


class Rest(NamedTuple):
    """A part of a body between documents."""

    start: int
    end: int
    cut: bool
    """Whether the body ends before this part does."""


type Part = Document | Rest


def parts_of(body: bytes, accepts: Callable[[dict[str, Any]], bool]) -> Iterator[Part]:
    """Return the accepted documents of a body and what is between them, in order.

    A list whose end is missing ends with a `Rest` that is cut, which may be empty.
    """
    # One character a byte, so that positions are bytes; documents are then decoded strictly.
    text = body.decode("latin-1")
    done = opened = 0
    cut = False
    for start, end, content in (*_objects(body, text), (len(text), len(text), None)):
        if start < len(text) and not accepts(content):
            continue
        rests, opened = _rests(text, done, start, opened)
        yield from rests
        cut = any(rest.cut for rest in rests)
        if start < len(text):
            yield Document(start, content)
        done = end
    if opened > 0 and not cut:
        yield Rest(done, done, cut=True)


def _objects(body: bytes, text: str) -> Iterator[tuple[int, int, Any]]:
    """Return the extents of JSON objects with their content; of nested ones those of broken ones.

    An object may be broken by its syntax, or by a text that is not UTF-8.
    """
    position, failed_at, retries = 0, -1, 0
    around: list[int] = []
    while found := _OBJECT.search(text, position):
        start = found.start()
        try:
            _, end = _DECODER.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError) as error:
            failure = error.pos if isinstance(error, json.JSONDecodeError) else _TOO_DEEP
            retries = retries + 1 if failure == failed_at else 0
            failed_at = failure
            # A quote that is missing swallows the beginning of the next record.
            position = start + 1
            if retries >= _MAX_RETRIES:
                past = failed_at if failed_at != _TOO_DEEP else _end_of(text, start, len(text))
                position = max(position, len(text) if past is None else past)
            continue
        around = [outer for outer in around if outer > start]
        try:
            yield start, end, from_json(body[start:end])
            position = end
        except ValueError:
            around.append(end)
            position = start + 1 if len(around) <= _MAX_AROUND else end


def _rests(text: str, start: int, end: int, opened: int) -> tuple[list[Rest], int]:
    """Return the parts between two documents, and how many lists are open after them."""
    rests: list[Rest] = []
    while True:
        if opening := _OPENING.match(text, start, end):
            opened += 1
            start = opening.end()
            continue
        separators = _SEPARATORS.match(text, start, end)
        assert separators is not None
        opened = max(0, opened - separators[0].count("]"))
        if separators.end() > start:
            start = separators.end()
            continue
        if start == end:
            return rests, opened
        after = _end_of(text, start, end)
        cut = after is None and end == len(text) and (opened > 0 or start > 0)
        rests.append(Rest(start, after or end, cut))
        start = after or end


def _end_of(text: str, start: int, end: int) -> int | None:
    """Return where the object that begins here ends by its brackets; None if nowhere."""
    if text[start] != "{":
        return None
    depth = 0
    for token in _TOKENS.finditer(text, start, end):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None
