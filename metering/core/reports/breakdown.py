"""Breakdowns: the usage of a ledger grouped by day and dimension, from its pages or its rollup."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.basics.instants import to_datetime
from metering.core.basics.money import Amount
from metering.core.calendars.periods import Slot, slot_start
from metering.core.ledger.entry import Kind, State
from metering.core.ledger.head import NOTHING, Line, line_of
from metering.core.ledger.page import Page
from metering.core.prices.rating import amount_of
from metering.core.usage.buckets import INDEX, QUANTITY, QUANTITY_DECIMALS

GROUPS: Final = ("day", "model", "deployment", "product", "subscription", "use_case", "end_user")
"""What usage may be grouped by, in the order of a full group (days are UTC)."""

type Group = tuple[str | None, ...]


class Count(NamedTuple):
    """What a group counts; `amount` covers what has a price."""

    line: Line = NOTHING
    amount: Amount = 0
    outcomes: int = 0
    """How often what usage was good for came about; the line has nothing of it."""

    def plus(self, other: "Count") -> "Count":
        """Return the sum of two counts."""
        amount, outcomes = self.amount + other.amount, self.outcomes + other.outcomes
        return Count(self.line.plus(other.line), amount, outcomes)

    def negated(self) -> "Count":
        """Return the count that takes this one away again."""
        return Count(self.line.negated(), -self.amount, -self.outcomes)


type Counts = Mapping[Group, Count]

_NO_COUNT: Final = Count()


class Row(NamedTuple):
    """The usage of one group."""

    group: Group
    line: Line
    amount: Amount | None
    """None where no request of the group has a known amount."""


class Outcomes(NamedTuple):
    """How often something came about in one group; its name is where that of a model is."""

    group: Group
    number: int


class Breakdown:
    """Adds up by group what pages change, or what was added up of them before."""

    def __init__(self, group_by: tuple[str, ...]) -> None:
        self._places = [GROUPS.index(name) for name in group_by]
        self._counts: dict[Group, Count] = {}

    def add(self, page: Page) -> None:
        """Take one page into account."""
        self.add_counts(changes_of(page))

    def add_counts(self, counts: Counts) -> None:
        """Take counts by full group into account."""
        for group, count in counts.items():
            add_to(self._counts, tuple([group[place] for place in self._places]), count)

    def add_breakdown(self, other: "Breakdown") -> None:
        """Take what another ledger's breakdown by the same groups counts into account."""
        for group, count in other._counts.items():  # noqa: SLF001, one of our own
            add_to(self._counts, group, count)

    def rows(self) -> list[Row]:
        """Return the groups that count anything, in order of their names."""
        counted = sorted(self._counts.items(), key=lambda item: in_order(item[0]))
        return [
            Row(group, line, None if line.is_unknown else amount)
            for group, (line, amount, _) in counted
            if line != NOTHING
        ]

    def outcomes(self) -> list[Outcomes]:
        """Return the groups with outcomes, in order of their names."""
        counted = sorted(self._counts.items(), key=lambda item: in_order(item[0]))
        return [Outcomes(group, count.outcomes) for group, count in counted if count.outcomes]


def in_order(group: Group) -> tuple[tuple[bool, str], ...]:
    """Return what groups are sorted by: what has no name comes first, apart from an empty name."""
    return tuple((name is not None, name or "") for name in group)


def changes_of(page: Page) -> dict[Group, Count]:
    """Return what a page changes by full group; what its corrections replace leaves its group."""
    day, changes = day_of(page.slot), dict[Group, Count]()
    for entry in page.entries:
        for state, end_user, sign in entry.changes():
            if not state.is_hold:
                count = _counted(state)
                group = _group(day, state, end_user)
                add_to(changes, group, count if sign > 0 else count.negated())
    return changes


def add_to(counts: dict[Group, Count], group: Group, change: Count) -> None:
    """Add a change to a group's count; a group that counts nothing any more is left out."""
    total = counts.get(group, _NO_COUNT).plus(change)
    if total == _NO_COUNT:
        counts.pop(group, None)
    else:
        counts[group] = total


def day_of(slot: Slot) -> str:
    """Return the UTC day of a slot (and of all in a page: ten minutes never span two days)."""
    return to_datetime(slot_start(slot)).date().isoformat()


def _counted(state: State) -> Count:
    if state.kind is Kind.OUTCOME:
        return Count(outcomes=state.buckets[INDEX[QUANTITY]] // 10**QUANTITY_DECIMALS)
    return Count(line_of(state), amount_of(state.rate, state.buckets) or 0)


def _group(day: str, state: State, end_user: str | None) -> Group:
    of = state.dimensions
    return (day, state.rate.model, of.deployment, of.product, of.subject, of.use_case, end_user)
