"""The totals of a group of usage, and tables of them in a form that costs the process little."""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import batched
from typing import Final, NamedTuple

from metering.core.basics.money import Amount
from metering.core.ledger.head import NOTHING, RateTotals

#: Groups sorted or let go of at once: the interpreter is held for less than a millisecond.
BLOCK: Final = 1_024

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

_NO_COUNT: Final = Count()

type Packed = tuple[int, ...]
"""A count as one flat tuple: the figures named FIGURES, the amount, the outcomes, the tokens by
bucket. The garbage collector leaves those alone, while a hundred thousand counts, each of several
objects, would have it hold up the whole process again and again."""

#: The order of the first figures of a packed count: those of a line that are single numbers.
FIGURES: Final = (
    "requests",
    "not_billable",
    "unpriced",
    "missing",
    "totals_only",
    "from_cache",
    "recovered",
    "estimated",
    "aggregates",
)


def packed(count: Count) -> Packed:
    """Return a count as one flat tuple."""
    one, amount, outcomes = count
    counts = (one.requests, one.not_billable, one.unpriced, one.missing, one.totals_only)
    return (
        *counts,
        one.from_cache,
        one.recovered,
        one.estimated,
        one.aggregates,
        amount,
        outcomes,
        *one.tokens,
    )


def unpacked(one: Packed) -> Count:
    """Return the count that was packed."""
    requests, not_billable, unpriced, missing, totals_only, *others = one
    from_cache, recovered, estimated, aggregates, amount, outcomes, *tokens = others
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
        aggregates=aggregates,
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


def in_order(group: Group) -> tuple[tuple[bool, str], ...]:
    """Return the sort key of a group: a missing name comes before an empty one."""
    return tuple((name is not None, name or "") for name in group)


def add_to(counts: dict[Group, Count], group: Group, change: Count) -> None:
    """Add a change to a group's count; drop a group that becomes zero."""
    total = counts.get(group, _NO_COUNT).plus(change)
    if total == _NO_COUNT:
        counts.pop(group, None)
    else:
        counts[group] = total


def sorted_groups(groups: Iterable[Group]) -> list[Group]:
    """Return groups in order. In blocks: a sort holds up every other thread while it lasts."""
    found = list(groups)
    # Names alone are in the order of their keys.
    key = in_order if any(None in group for group in found) else None
    blocks = [sorted(block, key=key) for block in batched(found, BLOCK, strict=False)]
    return list(merge(*blocks, key=key))
