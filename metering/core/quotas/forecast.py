"""Forecasts: the end of a window by linear extrapolation, without a model."""

from typing import NamedTuple

from metering.core.basics.instants import HOUR, Instant
from metering.core.calendars.windows import Window
from metering.core.quotas.decision import QuotaState


class Trend(NamedTuple):
    """The usage of a window, and its projection to the end at the same rate."""

    used: int
    an_hour: int
    """Rounded down."""
    projected: int
    """The projection for the end of the window, rounded down."""


def trend(used: int, window: Window, at: Instant) -> Trend:
    """Return the trend of a window, from its start to an instant in it."""
    elapsed = max(1, at - window.start)
    return Trend(used, used * HOUR // elapsed, used * (window.end - window.start) // elapsed)


def exhausted_at(state: QuotaState, at: Instant) -> Instant | None:
    """Return when a quota reaches its limit at this rate; None if not in this window.

    A quota that is at its limit is exhausted now.
    """
    if state.is_reached:
        return at
    limit, used = state.limit, state.used
    if used <= 0:
        return None
    elapsed = max(1, at - state.window.start)
    reached = state.window.start - (-limit * elapsed // used)
    return reached if reached < state.window.end else None
