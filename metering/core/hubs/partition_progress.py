"""How far a partition has been counted: what one look at it proves, on top of earlier looks."""

from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING


class Look(NamedTuple):
    """A partition as it was found; the count was read before the end of the partition was."""

    at: Instant
    """Before anything was read."""
    last: int
    """Sequence number of the newest event there ever was; -1 without one."""
    is_empty: bool
    """Nothing is kept: nothing came, or what came is older than the hub keeps events."""
    counted: int | None
    """Sequence number through which it has been counted; None: of none."""


class Known(NamedTuple):
    """What all looks so far prove about a partition."""

    until: Instant = BEGINNING
    """What was published before has been counted."""
    target: int | None = None
    """The newest event at an earlier look, not counted then."""
    target_at: Instant = BEGINNING
    """When that look was: with the target, what was published before it has been counted."""


def after_look(known: Known, look: Look) -> Known:
    """Return what is known after one more look.

    A target stays until it is counted: one that moved with the traffic would never be reached.
    Counted further than the partition goes is the trace of another hub of the same name.
    """
    if look.is_empty or look.counted == look.last:
        return Known(max(known.until, look.at))
    if look.counted is not None and look.counted > look.last:
        return Known(known.until)
    if known.target is None or known.target > look.last:
        return Known(known.until, look.last, look.at)
    if look.counted is None or look.counted < known.target:
        return known
    return Known(max(known.until, known.target_at), look.last, look.at)
