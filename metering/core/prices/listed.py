"""Price rows as they follow each other: in force, scheduled, or replaced by a later one."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.prices.price_book import PriceRow

type State = Literal["in_force", "scheduled", "replaced"]


class ListedPrice(NamedTuple):
    """A row, and its place among those for the same requests."""

    row: PriceRow
    state: State
    until: Instant | None = None
    """When the next row replaces it; None if none does."""
    before: PriceRow | None = None
    """The row that it replaces."""

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        """The sort key: by model, way and seller, the earliest start first."""
        row = self.row
        return row.model, row.id, f"{row.provider} {row.currency}", row.effective_from, row.version


def listed_prices(rows: Iterable[PriceRow], now: Instant) -> list[ListedPrice]:
    """Return rows with their states, sorted. Rows come in the order of publication.

    Of two rows that start together, the one published later is in force and the other never is.
    """
    places = defaultdict[tuple[object, ...], dict[Instant, PriceRow]](dict)
    never = list[ListedPrice]()
    for row in rows:
        starts = places[row.model, row.above_tokens, row.place]
        if row.effective_from in starts:
            replaced = starts[row.effective_from]
            never.append(ListedPrice(replaced, "replaced", row.effective_from))
        starts[row.effective_from] = row
    found = [one for starts in places.values() for one in _in_turn(starts, now)]
    return sorted([*never, *found], key=lambda one: one.key)


def _in_turn(starts: dict[Instant, PriceRow], now: Instant) -> Iterable[ListedPrice]:
    turns = [starts[start] for start in sorted(starts)]
    for row, after, before in zip(turns, [*turns[1:], None], [None, *turns[:-1]], strict=True):
        until = None if after is None else after.effective_from
        state: State = "in_force"
        if row.effective_from > now:
            state = "scheduled"
        elif until is not None and until <= now:
            state = "replaced"
        yield ListedPrice(row, state, until, before)
