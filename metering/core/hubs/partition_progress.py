"""The watermark of a partition: the time up to which everything published is known to be counted.

Derived from observations of the partition and its checkpoint, which cannot be read at one instant.
"""

from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING


class Observation(NamedTuple):
    """A partition as observed; the checkpoint was read before the end of the partition."""

    at: Instant
    """The time before the first of the two reads."""
    last: int
    """Sequence number of the newest event ever published; -1 without one."""
    is_empty: bool
    """Whether the hub keeps no event: none came, or all are past the retention."""
    counted: int | None
    """Sequence number of the last event counted; None before the first."""


class Watermark(NamedTuple):
    """The progress that all observations so far prove."""

    until: Instant = BEGINNING
    """Everything published before is counted."""
    target: int | None = None
    """The newest event of an earlier observation, which was not counted then."""
    target_at: Instant = BEGINNING
    """The time of that observation: once the target is counted, so is all published before it."""


def advance(watermark: Watermark, seen: Observation) -> Watermark:
    """Return the watermark after one more observation.

    A target stays until it is counted; a target that moved with the traffic would never be reached.
    A checkpoint beyond the end of the partition belongs to an earlier hub of the same name.
    """
    if seen.is_empty or seen.counted == seen.last:
        return Watermark(max(watermark.until, seen.at))
    if seen.counted is not None and seen.counted > seen.last:
        return Watermark(watermark.until)
    if watermark.target is None or watermark.target > seen.last:
        return Watermark(watermark.until, seen.last, seen.at)
    if seen.counted is None or seen.counted < watermark.target:
        return watermark
    return Watermark(max(watermark.until, watermark.target_at), seen.last, seen.at)
