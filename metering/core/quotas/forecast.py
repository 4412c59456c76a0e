"""Forecasts: the end of a window, and when a quota is exhausted."""

from bisect import bisect_left
from typing import NamedTuple

from metering.core.allocation.accrued import NOTHING_ACCRUED, Accrued
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


def with_accrued(found: Trend, accrued: Accrued, window: Window, at: Instant) -> Trend:
    """Return the trend of an amount with the accrued share, whose hours to come are recorded."""
    so_far = accrued.within(window)
    elapsed = max(1, at - window.start)
    return Trend(
        found.used + so_far,
        found.an_hour + so_far * HOUR // elapsed,
        found.projected + so_far + accrued.expected(window.end),
    )


def quota_trend(
    state: QuotaState,
    at: Instant,
    rhythm: Rhythm | None = None,
    accrued: Accrued = NOTHING_ACCRUED,
) -> Trend:
    """Return the trend of a quota."""
    own = state.used - state.accrued
    found = trend(own, state.span, at, rhythm, spend=is_spend(state.quota))
    if not state.quota.include_provisioned:
        return found
    return with_accrued(found, accrued, state.window, at)


def exhausted_at(
    state: QuotaState,
    at: Instant,
    rhythm: Rhythm | None = None,
    accrued: Accrued = NOTHING_ACCRUED,
) -> Instant | None:
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
        own = projected(state.used - state.accrued, window, at, ahead, spend=spend)
        coming = accrued.expected(instant) if state.quota.include_provisioned else 0
        return own + state.accrued + coming

    reached = at + bisect_left(range(at, end), state.limit, key=used_by)
    return reached if reached < end else None
