"""Rollups: a ledger's usage by day and all dimensions, as of one of its pages.

A rollup is a projection that can be deleted and rebuilt at any time. Its groups are spread over
parts by day and hash, so that a page changes few of them. Its cursor records the position it goes
up to and the page that last changed each part, so that a reader can detect a mixed read.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from pydantic_core import to_json

from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import START, Position
from metering.core.ledger.page import GENESIS, Page
from metering.core.reports.breakdown import (
    changes_of,
    place_of,
    summary_of,
    without_callers_names,
)
from metering.core.reports.count import Count, Counts, Group, add_to, in_order

#: Parts of a day by hash. A page belongs to one day, so it changes at most these and the summary.
PARTS: Final = 8
#: The number of the part that sums a day up without subscriptions and end users: what reads of all
#: tenants need, in one small document.
SUMMARY: Final = PARTS
#: Parts of a day, its summary included.
ALL_PARTS: Final = PARTS + 1
#: A Cosmos DB batch takes 100 operations; one is the cursor.
MAX_PARTS: Final = 99
#: Pages added in one step: their changes are in memory together.
MAX_PAGES: Final = 100


class PartName(NamedTuple):
    """The name of one part of a rollup."""

    day: str
    number: int

    @property
    def is_summary(self) -> bool:
        """Say whether the part repeats what the others of its day have, summed up."""
        return self.number == SUMMARY

    def __str__(self) -> str:
        """Return the document id, e.g. `day-2026-11-20-3`."""
        return f"day-{self.day}-{self.number}"


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a day's groups, as of the page that last changed any of them."""

    name: PartName
    page: int
    counts: Counts

    @property
    def has_others(self) -> bool:
        """Say whether it counts groups without their names."""
        return any(group == without_callers_names(group) for group in self.counts)

    def collapsed(self, kept: int, others: Callable[[Group], Group]) -> "Part":
        """Return it with `kept` rows of their own, those with most requests, and rows for others.

        The rows of a flood of names have few requests each, so it is they that are merged.
        """
        ranked = sorted(
            self.counts.items(), key=lambda row: (-row[1].line.requests, in_order(row[0]))
        )
        counts = dict(ranked[:kept])
        for group, count in ranked[kept:]:
            add_to(counts, others(group), count)
        return replace(self, counts=counts)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The progress of a rollup: its last page with hash, and the page of each part."""

    ledger: LedgerId
    page: int = 0
    hash: str = GENESIS
    parts: Mapping[PartName, int] = field(default_factory=dict)

    @property
    def position(self) -> Position:
        """The position of the last page that is in the rollup."""
        return Position(self.page, self.hash)


def rows_of(page: Page) -> Iterator[tuple[PartName, Group, Count]]:
    """Yield the changes of a page by part: each in its own, and in the summary of its day."""
    for group, change in changes_of(page).items():
        yield part_of(group), group, change
        yield PartName(str(group[0]), SUMMARY), summary_of(group), change


def part_of(group: Group) -> PartName:
    """Return the part that holds a full group; the result never changes."""
    digest = hashlib.blake2b(to_json(group), digest_size=8).digest()
    return PartName(str(group[0]), int.from_bytes(digest) % PARTS)


class Intake:
    """The changes of the pages after a cursor, by part."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.pages = 0
        self.changes: dict[PartName, dict[Group, Count]] = {}
        self._changed: dict[PartName, int] = {}
        self.through = cursor.position
        """The position of the last page that was added."""

    @property
    def is_full(self) -> bool:
        """Say whether another page might exceed the bounds of a step."""
        return self.pages >= MAX_PAGES or len(self.changes) > MAX_PARTS - ALL_PARTS

    def add(self, page: Page) -> None:
        """Add the changes of the next page."""
        for name, group, change in rows_of(page):
            add_to(self.changes.setdefault(name, {}), group, change)
            self._changed[name] = page.number
        self.through = Position(page.number, page.hash)
        self.pages += 1

    def onto(self, parts: Iterable[Part]) -> tuple[Cursor, list[Part]]:
        """Return the cursor after these pages and the parts they change.

        `parts` are those named in `changes` that the cursor lists, as of that cursor.
        """
        before = {part.name: part.counts for part in parts}
        after: list[Part] = []
        for name, changes in sorted(self.changes.items()):
            rows = before.get(name, {})
            counts = dict(rows)
            for group, change in changes.items():
                add_to(counts, place_of(group, rows), change)
            after.append(Part(name, self._changed[name], counts))
        listed = {**self.cursor.parts, **self._changed}
        return Cursor(self.cursor.ledger, *self.through, listed), after


class RollupProof:
    """Compares a rollup with its pages; holds one breakdown in memory."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._rows: dict[PartName, frozenset[Group]] = {}
        self._counts: dict[PartName, dict[Group, Count]] = {}
        self._through = START

    def add_part(self, part: Part) -> None:
        """Add one part."""
        self._rows[part.name] = frozenset(part.counts)
        self._counts[part.name] = dict(part.counts)

    def add(self, page: Page) -> None:
        """Subtract the changes of a page, up to the cursor."""
        if page.number > self._cursor.page:
            return
        for name, group, count in rows_of(page):
            row = place_of(group, self._rows.get(name, frozenset()))
            add_to(self._counts.setdefault(name, {}), row, count.negated())
        self._through = Position(page.number, page.hash)

    def faults(self) -> list[str]:
        """Return the faults of the rollup, after all pages were added."""
        if self._through != self._cursor.position:
            return [f"its rollup names a page {self._cursor.page} that is not in the chain"]
        wrong = sorted(name for name, counts in self._counts.items() if counts)
        return [f"its rollup's {name} is not what its pages give" for name in wrong]
