"""Breakdowns: the usage of a ledger grouped by day and dimension, from its pages or its rollup."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from functools import reduce
from heapq import merge
from itertools import groupby
from operator import add, itemgetter
from typing import Final, NamedTuple

from metering.core.basics.instants import to_datetime
from metering.core.basics.money import Amount
from metering.core.calendars.periods import Slot, slot_start
from metering.core.ledger.entry import Kind, State
from metering.core.ledger.head import NOTHING, RateTotals, totals_of
from metering.core.ledger.page import Page
from metering.core.prices.rating import OTHER_NAMES, Rate, amount_of
from metering.core.reports.count import (
    BLOCK,
    Count,
    Counts,
    Group,
    Packed,
    add_to,
    in_order,
    packed_counts,
    sorted_groups,
    unpacked,
)
from metering.core.usage.buckets import INDEX, QUANTITY, QUANTITY_DECIMALS

GROUPS: Final = (
    *("day", "model", "deployment", "product", "subscription", "use_case", "end_user"),
    *("account", "region", "requested_model"),
)
"""The dimensions by which usage can be grouped (days are UTC).

`model` is the one that is rated, `account` the back end, `requested_model` what the client asked
for: the name of a model, a deployment or an alias.
"""
BACKEND: Final = "backend"
"""The name that events have for the account; an answer that was asked for by it names it so."""
ASKED: Final = (*GROUPS, BACKEND)
"""The names by which usage can be asked for."""
PRICE: Final = "price"
"""The dimension that says what the company pays: see `core/reports/list_costs.py`."""
DIMENSIONS: Final = (*GROUPS, PRICE)
"""The dimensions of a full group, in their order."""
#: Names that callers choose freely, and that a group without them has in common with others.
_CALLERS: Final = frozenset({"product", "subscription", "use_case", "end_user"})
#: A caller may name a deployment or model that does not exist.
_NAMED: Final = _CALLERS | {"deployment", "requested_model"}
#: The dimensions that a summary leaves out: those with most names.
_LEFT_OUT: Final = frozenset({"subscription", "end_user"})
SUMMED_BY: Final = frozenset(DIMENSIONS) - _LEFT_OUT
"""The dimensions by which a summary can be grouped."""

#: Beyond this many changed groups, and this part of all, they are sorted anew.
_FEW: Final = 16


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
    """Sums by group the changes of pages, or sums made of them before.

    It keeps the order of its groups while a few of them change, so that a page of rows costs no
    more than these rows.
    """

    def __init__(self, group_by: tuple[str, ...]) -> None:
        named = ("account" if name == BACKEND else name for name in group_by)
        self._places = [DIMENSIONS.index(name) for name in named]
        self._counts: dict[Group, Packed] = {}
        self._order: list[Group] | None = None
        self._changed: set[Group] = set()
        """Groups that may be new or gone since the order was made."""

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self._counts)

    def add(self, page: Page) -> None:
        """Add the changes of one page."""
        self.add_counts(changes_of(page))

    def add_counts(self, counts: Counts) -> None:
        """Add counts by full group."""
        own, places = self._counts, self._places
        for full, change in packed_counts(counts):
            group = tuple([full[place] for place in places])
            before = own.get(group)
            total = change if before is None else tuple(map(add, before, change))
            if any(total):
                own[group] = total
            else:
                own.pop(group, None)
            if self._order is not None:
                self._changed.add(group)

    def sort(self) -> None:
        """Bring the groups in order; without changes since, it does nothing."""
        order = self._order
        if order is None or len(self._changed) > max(_FEW, len(order) // _FEW):
            self._order = sorted_groups(self._counts)
        else:
            for group in self._changed:
                self._place(order, group)
        self._changed.clear()

    def clear(self) -> None:
        """Let go of all groups, block by block: at once it would hold up every other thread."""
        order, self._order = self._order or [], None
        while self._counts or order:
            for _ in range(min(BLOCK, len(self._counts))):
                self._counts.popitem()
            del order[-BLOCK:]
        self._changed.clear()

    def _place(self, order: list[Group], group: Group) -> None:
        place = bisect_left(order, in_order(group), key=in_order)
        is_listed = place < len(order) and order[place] == group
        if group in self._counts and not is_listed:
            order.insert(place, group)
        elif group not in self._counts and is_listed:
            del order[place]

    def after(self, group: Group | None = None) -> Iterator[tuple[Group, Count]]:
        """Yield the groups after one, or all of them, in order of their names."""
        self.sort()
        order = self._order or []
        start = 0 if group is None else bisect_right(order, in_order(group), key=in_order)
        for place in range(start, len(order)):
            yield order[place], unpacked(self._counts[order[place]])

    def rows(self) -> list[Row]:
        """Return the groups with usage, in order of their names."""
        return list(rows_after([self]))

    def outcomes(self) -> list[Outcomes]:
        """Return the groups with outcomes, in order of their names."""
        return outcomes_of([self])


def rows_after(breakdowns: Iterable[Breakdown], group: Group | None = None) -> Iterator[Row]:
    """Yield the usage of ledgers together, by the same groups: those after one, or all of them."""
    for name, (line, amount, _) in _together(breakdowns, group):
        if line != NOTHING:
            yield Row(name, line, None if line.is_unknown else amount)


def outcomes_of(breakdowns: Iterable[Breakdown]) -> list[Outcomes]:
    """Return the outcomes of ledgers together, by the same groups."""
    found = _together(breakdowns, None)
    return [Outcomes(name, count.outcomes) for name, count in found if count.outcomes]


def _together(
    breakdowns: Iterable[Breakdown], group: Group | None
) -> Iterator[tuple[Group, Count]]:
    found = merge(*(one.after(group) for one in breakdowns), key=lambda item: in_order(item[0]))
    for name, same in groupby(found, key=itemgetter(0)):
        yield name, reduce(Count.plus, (count for _, count in same))


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


def _without(names: Collection[str], group: Group, instead: str | None) -> Group:
    return tuple(
        instead if name in names else value for name, value in zip(DIMENSIONS, group, strict=True)
    )


def summary_of(group: Group) -> Group:
    """Return the group that a summary counts a group in."""
    return _without(_LEFT_OUT, group, None)


def without_callers_names(group: Group) -> Group:
    """Return the group for all usage that has no room for the names that callers choose."""
    return _without(_CALLERS, group, OTHER_NAMES)


def without_names(group: Group) -> Group:
    """Return the group for all usage that has no room for its deployment either."""
    return _without(_NAMED, group, OTHER_NAMES)


def without_model(group: Group) -> Group:
    """Return the group for all usage of a day that has no room for its model and names."""
    return (group[0], *(OTHER_NAMES,) * (len(DIMENSIONS) - 1))


#: What a crowded part merges its rows by, one after the other until it fits.
WITHOUT: Final = (without_callers_names, without_names, without_model)


def place_of(group: Group, rows: Collection[Group]) -> Group:
    """Return the row that counts a group: its own, or the one that took it in for want of room.

    A row for others holds the whole of each group in it, so a group that has no row of its own
    while its row for others exists was, or will be, counted there.
    """
    if group in rows:
        return group
    for without in WITHOUT:
        if (others := without(group)) in rows:
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
    of, rate = state.dimensions, state.rate
    names = (rate.model, of.deployment, of.product, of.subject, of.use_case, end_user)
    where = (of.backend, of.region, of.requested_model)
    return (day, *names, *where, price_of(rate, of.provider))


def price_of(rate: Rate, provider: str | None) -> str | None:
    """Return the name of what the company pays under a rate; None for an unknown price.

    Version and row of the price book, the channel, the provider and the key of a hosted deployment:
    JSON, because names may hold any character.
    """
    if rate.version is None:
        return None
    return json.dumps([rate.version, rate.row, rate.channel, provider, rate.hosted])
