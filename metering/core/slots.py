"""Slots: ten-minute spans of event time; a page holds the entries of one."""

from metering.core.instants import MINUTE, Instant

SLOT = 10 * MINUTE

type Slot = int
"""Number of the ten-minute span since the epoch."""


def slot_of(instant: Instant) -> Slot:
    """Return the slot that an instant falls in."""
    return instant // SLOT


def slot_start(slot: Slot) -> Instant:
    """Return the first instant of a slot."""
    return slot * SLOT
