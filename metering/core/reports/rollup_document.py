"""The documents of a rollup: columns in JSON, names once, money as integer strings of 10^-18.

A row takes 60 to 100 bytes, mostly for the end user's name and the amount. A Cosmos DB batch takes
2 MB and may change all parts of a day, so a day has room for about 20,000 groups of such names.
Beyond that the rows with the fewest requests are merged under the name for all others.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from metering.core.basics.documents import UNREADABLE_DOCUMENT, Document, exact, read_whole
from metering.core.basics.errors import RollupBroken
from metering.core.calendars.periods import LedgerId
from metering.core.reports.breakdown import (
    DIMENSIONS,
    WITHOUT,
)
from metering.core.reports.count import FIGURES, Group, Packed, PackedCounts, in_order
from metering.core.reports.rollup import ALL_PARTS, Cursor, Intake, Part, PartName
from metering.core.usage.buckets import BUCKETS

SCHEMA: Final = 3
#: Without accounts, regions and summaries (1), without requested models (2). A rollup of them
#: counts as not begun, so it is made anew.
_BEFORE: Final = (1, 2)
CURSOR_ID: Final = "cursor"

#: Cosmos DB takes 2 MB a batch; the difference is for the envelope of the request.
MAX_STEP_BYTES: Final = 1_900_000
#: A page may change all parts of its day and its summary, and the cursor is in the same batch.
MAX_PART_BYTES: Final = 205_000
#: What a part is brought down to, as a share of its bound, so that not every page merges again.
_ROOM: Final = 0.8

#: The dimensions of a group without the day, which the part names.
_NAMED: Final = DIMENSIONS[1:]


class Step(NamedTuple):
    """The cursor and the changed parts, with their documents, to write in one transaction."""

    cursor: Cursor
    parts: tuple[Part, ...]
    contents: tuple[bytes, ...]
    crowded: tuple[PartName, ...] = ()
    """Parts that count groups without their names from this step on."""

    @property
    def is_too_large(self) -> bool:
        """Say whether it exceeds one batch."""
        return sum(map(len, self.contents)) > MAX_STEP_BYTES


def step_of(intake: Intake, parts: Iterable[Part]) -> Step:
    """Return the step that writes an intake on top of `parts`."""
    before = list(parts)
    cursor, changed = intake.onto(before)
    fitted = [fit(cursor.ledger, part) for part in changed]
    known = {part.name for part in before if part.has_others}
    crowded = [part.name for part, _ in fitted if part.has_others and part.name not in known]
    made, contents = zip(*fitted, strict=True) if fitted else ((), ())
    return Step(cursor, made, contents, tuple(crowded))


def fit(ledger: LedgerId, part: Part) -> tuple[Part, bytes]:
    """Return a part within MAX_PART_BYTES, and its document; rows beyond it lose their names.

    They are merged by all that callers do not name, then by model, and if the models alone are too
    many, into one row.
    """
    content = write_part(ledger, part)
    for others in WITHOUT:
        whole, kept = part, len(part.counts)
        while len(content) > MAX_PART_BYTES and kept:
            kept = int(kept * _ROOM * MAX_PART_BYTES / len(content))
            part = whole.collapsed(kept, others)
            content = write_part(ledger, part)
    return part, content


def write_cursor(cursor: Cursor) -> bytes:
    """Return a cursor as the bytes to store."""
    days: dict[str, list[int]] = {}
    for name, page in sorted(cursor.parts.items()):
        days.setdefault(name.day, [0] * ALL_PARTS)[name.number] = page
    return to_json(
        {
            "schema": SCHEMA,
            "id": CURSOR_ID,
            "ledger": str(cursor.ledger),
            "page": cursor.page,
            "hash": cursor.hash,
            "parts": days,
        }
    )


def read_cursor(document: Document, ledger: LedgerId) -> Cursor:
    """Return the cursor of `ledger` in a document. Raises RollupBroken if it is damaged."""
    if document.get("schema") in _BEFORE:
        return Cursor(ledger)
    _check(document, ledger, CURSOR_ID)
    try:
        listed = {
            PartName(day, number): page
            for day, pages in document["parts"].items()
            for number, page in enumerate(_whole(pages))
            if page
        }
        (page,) = _whole([document["page"]])
        return Cursor(ledger, page, str(document["hash"]), listed)
    except UNREADABLE_DOCUMENT as error:
        raise RollupBroken(str(ledger), f"cursor cannot be read: {error!r}") from None


def write_part(ledger: LedgerId, part: Part) -> bytes:
    """Return a part as the bytes to store; its rows are in the order of their groups."""
    rows = sorted(part.counts.items(), key=lambda row: in_order(row[0]))
    names: dict[str | None, int] = {}
    columns: dict[str, Sequence[int | str]] = {
        name: [names.setdefault(group[place], len(names)) for group, _ in rows]
        for place, name in enumerate(_NAMED, 1)
    }
    for name in FIGURES:
        columns[name] = [getattr(count.line, name) for _, count in rows]
    for place, bucket in enumerate(BUCKETS):
        columns[bucket] = [exact(count.line.tokens[place]) for _, count in rows]
    columns["outcomes"] = [count.outcomes for _, count in rows]
    kept = {name: _brief(column) for name, column in columns.items() if any(column)}
    kept["amount"] = [str(count.amount) for _, count in rows]
    return to_json(
        {
            "schema": SCHEMA,
            "id": str(part.name),
            "ledger": str(ledger),
            "day": part.name.day,
            "part": part.name.number,
            "page": part.page,
            "names": list(names),
            "columns": kept,
        }
    )


def _brief(column: Sequence[int | str]) -> Sequence[int | str]:
    """Return a column as it is kept: one value if all rows have it."""
    return column[:1] if column.count(column[0]) == len(column) else column


def read_part(document: Document, ledger: LedgerId) -> Part:
    """Return the part of `ledger` in a document. Raises RollupBroken if it is damaged."""
    try:
        name = PartName(document["day"], document["part"])
        _check(document, ledger, str(name))
        counts = PackedCounts(_rows(name.day, document["columns"], document["names"]))
        (page,) = _whole([document["page"]])
    except UNREADABLE_DOCUMENT as error:
        reason = f"{document.get('id')} cannot be read: {error!r}"
        raise RollupBroken(str(ledger), reason) from None
    return Part(name, page, counts)


def _check(document: Document, ledger: LedgerId, name: str) -> None:
    if document.get("schema") != SCHEMA:
        reason = f"{document.get('id')} has schema {document.get('schema')}, not {SCHEMA}"
        raise RollupBroken(str(ledger), reason)
    found = (document.get("ledger"), document.get("id"))
    if found != (str(ledger), name):
        raise RollupBroken(str(ledger), f"{name} is {found[1]} of {found[0]}")


def _rows(day: str, columns: Document, names: list[str | None]) -> Iterable[tuple[Group, Packed]]:
    """Return the rows of a part, column by column: a row by itself would cost ten times as much."""
    amounts = [*map(_amount, columns["amount"])]

    def column(name: str) -> list[int]:
        found = _whole(columns.get(name, [0]))
        return found * len(amounts) if len(found) == 1 else found

    named = [[*map(names.__getitem__, column(name))] for name in _NAMED]
    groups = zip([day] * len(amounts), *named, strict=True)
    figures, tokens = map(column, FIGURES), map(column, BUCKETS)
    counts = zip(*figures, amounts, column("outcomes"), *tokens, strict=True)
    return zip(groups, counts, strict=True)


def _whole(values: Any) -> list[int]:
    if not isinstance(values, list):
        raise TypeError("the counts are not a list: not a whole number each")
    if set(map(type, values)) <= {int}:
        return values
    return list(map(read_whole, values))


def _amount(text: object) -> int:
    if not isinstance(text, str):
        raise TypeError(f"the amount {text!r} is not a string")
    return int(text)
