"""The totals of a group of usage, and tables of them in a form that costs the process little."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from metering.core.basics.money import Amount
from metering.core.ledger.head import NOTHING, RateTotals

type Group = tuple[str | None, ...]


class Count(NamedTuple):
    """The totals of a group; `amount` covers priced usage."""

    line: RateTotals = NOTHING
    amount: Amount = 0
    outcomes: int = 0
    """Business outcomes; `line` does not include them."""

    def plus(self, other: "Count") -> "Count":
        """Return the sum of two counts."""
        amount, outcomes = self.amount + other.amount, self.outcomes + other.outcomes
        return Count(self.line.plus(other.line), amount, outcomes)

    def negated(self) -> "Count":
        """Return the count that takes this one away again."""
        return Count(self.line.negated(), -self.amount, -self.outcomes)


type Counts = Mapping[Group, Count]

type Packed = tuple[int, ...]
"""A count as one flat tuple: the figures named FIGURES, the amount, the outcomes, the tokens by
bucket. The garbage collector leaves those alone, while a hundred thousand counts, each of several
objects, would have it hold up the whole process again and again."""

#: The order of the first figures of a packed count: those of a line that are single numbers.
FIGURES = (
    "requests",
    "not_billable",
    "unpriced",
    "missing",
    "totals_only",
    "from_cache",
    "recovered",
    "estimated",
)


def packed(count: Count) -> Packed:
    """Return a count as one flat tuple."""
    one, amount, outcomes = count
    counts = (one.requests, one.not_billable, one.unpriced, one.missing, one.totals_only)
    return (*counts, one.from_cache, one.recovered, one.estimated, amount, outcomes, *one.tokens)


def unpacked(one: Packed) -> Count:
    """Return the count that was packed."""
    requests, not_billable, unpriced, missing, totals_only, *others = one
    from_cache, recovered, estimated, amount, outcomes, *tokens = others
    line = RateTotals(
        requests=requests,
        not_billable=not_billable,
        unpriced=unpriced,
        missing=missing,
        tokens=tuple(tokens),
        totals_only=totals_only,
        from_cache=from_cache,
        recovered=recovered,
        estimated=estimated,
    )
    return Count(line, amount, outcomes)


class PackedCounts(Mapping[Group, Count]):
    """Counts by group that are unpacked one by one as they are asked for."""

    def __init__(self, rows: Iterable[tuple[Group, Packed]]) -> None:
        self.packed = dict(rows)

    def __getitem__(self, group: Group) -> Count:
        """Return the count of a group."""
        return unpacked(self.packed[group])

    def __iter__(self) -> Iterator[Group]:
        """Return the groups."""
        return iter(self.packed)

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.packed)


def packed_counts(counts: Counts) -> Iterable[tuple[Group, Packed]]:
    """Return counts by group, packed."""
    if isinstance(counts, PackedCounts):
        return counts.packed.items()
    return ((group, packed(count)) for group, count in counts.items())
