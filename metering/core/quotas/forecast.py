"""Forecasts: the end of a window, and when a quota is exhausted."""

from bisect import bisect_left
from typing import NamedTuple

from metering.core.basics.instants import HOUR, Instant
from metering.core.calendars.windows import Window
from metering.core.ledger.projection import Rhythm, is_spend, projected
from metering.core.quotas.decision import QuotaState


class Trend(NamedTuple):
    """The usage of a window, and its projection to the end."""

    used: int
    an_hour: int
    """The mean since the start of the window, rounded down."""
    projected: int
    """The projection for the end of the window, rounded down."""


def trend(
    used: int, window: Window, at: Instant, rhythm: Rhythm | None = None, *, spend: bool = False
) -> Trend:
    """Return the trend of a window from an instant in it; see `projected`."""
    elapsed = max(1, at - window.start)
    ahead = None if rhythm is None else rhythm.ahead(window)
    end = projected(used, window, at, ahead, spend=spend)
    return Trend(used, used * HOUR // elapsed, end)


def quota_trend(state: QuotaState, at: Instant, rhythm: Rhythm | None = None) -> Trend:
    """Return the trend of a quota."""
    return trend(state.used, state.span, at, rhythm, spend=is_spend(state.quota))


def exhausted_at(state: QuotaState, at: Instant, rhythm: Rhythm | None = None) -> Instant | None:
    """Return when the projection reaches the limit; None if not in this window.

    A quota that is at its limit is exhausted now.
    """
    if state.is_reached:
        return at
    start, end = state.span
    spend = is_spend(state.quota)

    def used_by(instant: Instant) -> int:
        window = Window(start, instant)
        ahead = None if rhythm is None else rhythm.ahead(window)
        return projected(state.used, window, at, ahead, spend=spend)

    reached = at + bisect_left(range(at, end), state.limit, key=used_by)
    return reached if reached < end else None
