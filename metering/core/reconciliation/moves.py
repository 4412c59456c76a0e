"""Shifts: tokens missing in one cell of a reconciliation because they are in another."""

from collections.abc import Mapping
from datetime import date, timedelta

from metering.core.reconciliation.cost_row import ONE, Exact
from metering.core.reconciliation.explain import (
    MOST_TOKENS_A_REQUEST,
    BilledSide,
    LedgerSide,
    Precision,
    Shift,
    token_difference,
)
from metering.core.reconciliation.own_usage import Place

type Cell = tuple[Place, str]
"""A place and its meter."""
type Cells = dict[Cell, tuple[LedgerSide, BilledSide]]


def moved_tokens(
    cells: Cells,
    precision: Precision,
    missing: Mapping[Place, int],
    *,
    first: str,
    last: str,
) -> dict[Cell, Shift]:
    """Return the part of each cell's difference that other cells and missing requests explain."""
    moved = {cell: Shift() for cell in cells}
    left = {
        cell: 0 if abs(difference) <= precision.tokens(theirs) else difference
        for cell, (ours, theirs) in cells.items()
        if first <= cell[0].day
        for difference in (token_difference(ours, theirs),)
    }
    for cell in left:
        _tell_cached(cell, cells, left, moved)
    for cell in sorted(left, key=lambda cell: cell[0].day):
        _tell_late(cell, cells, left, moved, first=first, last=last)
    for cell in left:
        place = cell[0]
        requests = missing.get(place, 0) + missing.get(place._replace(model=""), 0)
        moved[cell].missing = max(0, requests) * MOST_TOKENS_A_REQUEST * ONE
    return moved


def _tell_cached(
    cell: Cell, cells: Cells, left: dict[Cell, Exact], moved: dict[Cell, Shift]
) -> None:
    """Find input counted from a log that was billed as cached."""
    place, metered = cell
    cached = place, "cached_read"
    if metered != "input" or cached not in left:
        return
    counted = max(0, cells[cell][0].totals_only) * ONE
    tokens = min(-left[cell], left[cached], counted)
    if tokens > 0:
        _move(cell, left, moved, totals_only=-tokens)
        _move(cached, left, moved, totals_only=tokens)


def _tell_late(
    cell: Cell,
    cells: Cells,
    left: dict[Cell, Exact],
    moved: dict[Cell, Shift],
    *,
    first: str,
    last: str,
) -> None:
    """Find usage of the day before that was billed on this day, or beyond an edge of the span."""
    place, metered = cell
    before = place._replace(day=_day_before(place.day)), metered
    if left[cell] > 0 and place.day == first:
        edge = cells[before][0].edge * ONE if before in cells else 0
        _move(cell, left, moved, late=max(0, min(left[cell], edge)))
    elif left[cell] > 0 and before in left:
        tokens = max(0, min(left[cell], -left[before]))
        _move(cell, left, moved, late=tokens)
        _move(before, left, moved, late=-tokens)
    elif left[cell] < 0 and place.day == last:
        edge = cells[cell][0].edge * ONE
        _move(cell, left, moved, late=-max(0, min(-left[cell], edge)))


def _move(
    cell: Cell,
    left: dict[Cell, Exact],
    moved: dict[Cell, Shift],
    *,
    totals_only: Exact = 0,
    late: Exact = 0,
) -> None:
    moved[cell].totals_only += totals_only
    moved[cell].late += late
    left[cell] -= totals_only + late


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
