"""Breakdowns: the usage of a ledger grouped by day and dimension, from its pages or its rollup."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from metering.core.basics.instants import to_datetime
from metering.core.basics.money import Amount
from metering.core.calendars.periods import Slot, slot_start
from metering.core.ledger.entry import Kind, State
from metering.core.ledger.head import NOTHING, RateTotals, totals_of
from metering.core.ledger.page import Page
from metering.core.prices.rating import OTHER_NAMES, amount_of
from metering.core.usage.buckets import INDEX, QUANTITY, QUANTITY_DECIMALS

GROUPS: Final = ("day", "model", "deployment", "product", "subscription", "use_case", "end_user")
"""The dimensions by which usage can be grouped, in the order of a full group (days are UTC)."""

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


class Row(NamedTuple):
    """The usage of one group."""

    group: Group
    line: RateTotals
    amount: Amount | None
    """None if no request of the group has a known amount."""


class Outcomes(NamedTuple):
    """The number of outcomes in one group; the outcome's name takes the place of the model."""

    group: Group
    number: int


class Breakdown:
    """Sums by group the changes of pages, or sums made of them before."""

    def __init__(self, group_by: tuple[str, ...]) -> None:
        self._places = [GROUPS.index(name) for name in group_by]
        self._counts: dict[Group, Count] = {}

    def add(self, page: Page) -> None:
        """Add the changes of one page."""
        self.add_counts(changes_of(page))

    def add_counts(self, counts: Counts) -> None:
        """Add counts by full group."""
        for group, count in counts.items():
            add_to(self._counts, tuple([group[place] for place in self._places]), count)

    def add_breakdown(self, other: "Breakdown") -> None:
        """Add another ledger's breakdown by the same groups."""
        for group, count in other._counts.items():  # noqa: SLF001, its own class
            add_to(self._counts, group, count)

    def rows(self) -> list[Row]:
        """Return the groups with usage, in order of their names."""
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
    """Return the sort key of a group: a missing name comes before an empty one."""
    return tuple((name is not None, name or "") for name in group)


def changes_of(page: Page) -> dict[Group, Count]:
    """Return the changes of a page by full group; superseded states leave their group."""
    day, changes = day_of(page.slot), dict[Group, Count]()
    for entry in page.entries:
        for state, end_user, sign in entry.changes():
            if not state.is_hold:
                count = _counted(state)
                group = _group(day, state, end_user)
                add_to(changes, group, count if sign > 0 else count.negated())
    return changes


def add_to(counts: dict[Group, Count], group: Group, change: Count) -> None:
    """Add a change to a group's count; drop a group that becomes zero."""
    total = counts.get(group, _NO_COUNT).plus(change)
    if total == _NO_COUNT:
        counts.pop(group, None)
    else:
        counts[group] = total


def without_names(group: Group) -> Group:
    """Return the group for all usage of a day and model that has no room for its names."""
    return (*group[:2], *(OTHER_NAMES,) * (len(GROUPS) - 2))


def without_model(group: Group) -> Group:
    """Return the group for all usage of a day that has no room for its model and names."""
    return (group[0], *(OTHER_NAMES,) * (len(GROUPS) - 1))


def place_of(group: Group, rows: Collection[Group]) -> Group:
    """Return the row that counts a group: its own, or the one that took it in for want of room.

    A row for others holds the whole of each group in it, so a group that has no row of its own
    while its row for others exists was, or will be, counted there.
    """
    if group in rows:
        return group
    for others in (without_names(group), without_model(group)):
        if others in rows:
            return others
    return group


def day_of(slot: Slot) -> str:
    """Return the UTC day of a slot. It is the day of a whole page, since a slot never spans two."""
    return to_datetime(slot_start(slot)).date().isoformat()


def _counted(state: State) -> Count:
    if state.kind is Kind.OUTCOME:
        return Count(outcomes=state.buckets[INDEX[QUANTITY]] // 10**QUANTITY_DECIMALS)
    return Count(totals_of(state), amount_of(state.rate, state.buckets) or 0)


def _group(day: str, state: State, end_user: str | None) -> Group:
    of = state.dimensions
    return (day, state.rate.model, of.deployment, of.product, of.subject, of.use_case, end_user)
