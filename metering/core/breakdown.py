"""Breakdowns: the usage of a ledger grouped by day and dimension, from its pages."""

from collections.abc import Callable
from typing import Final, NamedTuple

from metering.core.entry import Entry, State
from metering.core.head import NOTHING, Line, line_of, minus
from metering.core.instants import to_datetime
from metering.core.money import Amount
from metering.core.page import Page
from metering.core.rating import amount_of

type Reading = Callable[[Entry, State], str | None]

GROUPS: Final[dict[str, Reading]] = {
    "day": lambda entry, _: to_datetime(entry.time).date().isoformat(),
    "model": lambda _, state: state.rate.model,
    "deployment": lambda _, state: state.dimensions.deployment,
    "product": lambda _, state: state.dimensions.product,
    "subscription": lambda _, state: state.dimensions.subject,
    "use_case": lambda _, state: state.dimensions.use_case,
    "end_user": lambda entry, _: entry.end_user,
}
"""What usage may be grouped by (days are UTC)."""

type Group = tuple[str | None, ...]


class Row(NamedTuple):
    """The usage of one group."""

    group: Group
    line: Line
    amount: Amount | None
    """None where no request of the group has a known amount."""


class Breakdown:
    """Adds pages up by group, corrections included: what they replace leaves its group."""

    def __init__(self, group_by: tuple[str, ...]) -> None:
        self._readings = [GROUPS[name] for name in group_by]
        self._lines: dict[Group, Line] = {}
        self._amounts: dict[Group, Amount] = {}

    def add(self, page: Page) -> None:
        """Take one page into account."""
        for entry in page.entries:
            self._count(entry, entry.state, 1)
            if entry.supersedes is not None:
                self._count(entry, entry.supersedes.state, -1)

    def _count(self, entry: Entry, state: State, sign: int) -> None:
        if state.is_hold:
            return
        group = tuple(reading(entry, state) for reading in self._readings)
        line = line_of(state)
        change = line if sign > 0 else minus(line)
        self._lines[group] = self._lines.get(group, NOTHING).plus(change)
        amount = amount_of(state.rate, state.buckets) or 0
        self._amounts[group] = self._amounts.get(group, 0) + sign * amount

    def rows(self) -> list[Row]:
        """Return the groups that count anything, in order of their names."""
        groups = sorted(self._lines, key=lambda group: tuple(name or "" for name in group))
        return [
            Row(group, line, None if line.is_unknown else self._amounts[group])
            for group in groups
            if (line := self._lines[group]) != NOTHING
        ]
