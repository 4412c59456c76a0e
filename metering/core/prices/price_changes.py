"""The changes that publishing a price file would make, row by row and bucket by bucket."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from metering.core.prices.price_book import PriceBook, PriceRow
from metering.core.usage.buckets import BUCKETS

ChangeKind = Literal["new", "same", "changed_later", "conflict"]
"""The effect of a row on a book.

- new: no price was known there at that time.
- same: the book already says so.
- changed_later: the place is known, and from the row's start on its price is another.
- conflict: the book has another price there from the same instant on: history would be superseded.
"""

#: A price that moves by this factor or more most likely had its unit misread.
IMPLAUSIBLE_FACTOR: Final = 100


class BucketChange(NamedTuple):
    """A price that would become another; integers of 10^-12 currency units a token or None."""

    bucket: str
    old: int | None
    new: int | None

    @property
    def ratio(self) -> Fraction | None:
        """New over old; None where one of them is missing or the old one is zero."""
        return Fraction(self.new, self.old) if self.old and self.new is not None else None

    @property
    def is_implausible(self) -> bool:
        """Say whether the price moved so far that its unit was most likely misread."""
        ratio = self.ratio
        if ratio is None:
            return False
        return not Fraction(1, IMPLAUSIBLE_FACTOR) < ratio < IMPLAUSIBLE_FACTOR


class Change(NamedTuple):
    """One row of a file against a book."""

    kind: ChangeKind
    row: PriceRow
    old: PriceRow | None
    """The row that the book applies there and then."""
    buckets: tuple[BucketChange, ...]
    """The prices that differ, all of them where there is no old row."""


def price_changes(book: PriceBook, rows: Iterable[tuple[str, PriceRow]]) -> list[Change]:
    """Return what each row would change; `rows` are those of a file, under any of their names.

    A row is compared with what the book applies to its place at its start: where the book has no
    row of the region but one of any region, that is the price known there.
    """
    return [_change(book, row) for name, row in rows if name == row.model]


def _change(book: PriceBook, row: PriceRow) -> Change:
    old = book.find(
        row.model,
        row.effective_from,
        row.place,
        long_context=row.above_tokens is not None,
    )
    known = (None,) * len(BUCKETS) if old is None else old.prices
    buckets = tuple(
        BucketChange(bucket, before, after)
        for bucket, before, after in zip(BUCKETS, known, row.prices, strict=True)
        if before != after
    )
    return Change(_kind(row, old, buckets), row, old, buckets)


def _kind(row: PriceRow, old: PriceRow | None, buckets: tuple[BucketChange, ...]) -> ChangeKind:
    if old is None:
        return "new"
    if not buckets and (row.currency, row.above_tokens) == (old.currency, old.above_tokens):
        return "same"
    if (row.region, row.effective_from) == (old.region, old.effective_from):
        return "conflict"
    return "changed_later"
