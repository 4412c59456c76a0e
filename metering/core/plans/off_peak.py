"""Off-peak: multipliers of list prices by hour of the week, in local time.

A local time that a clock change skips never occurs; one that occurs twice counts twice. So every
instant has one local time, and one multiplier.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from metering.core.basics.instants import HOUR, Instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, parse_fixed
from metering.core.basics.validation import Strict, TimeZone, misplaced
from metering.core.plans.terms import UNCHANGED, Listed, Multiplier
from metering.core.plans.week import (
    DAYS,
    WEEK,
    Begins,
    Days,
    Ends,
    offset_at,
    time_in_week,
    week_spans,
)

#: The least distance between two clock changes.
_STEP: Final = HOUR


class Span(NamedTuple):
    """The span of one multiplier, in microseconds since Monday 00:00: `[start, end)`."""

    start: int
    end: int
    multiplier: int


class Window(Strict):
    """Hours on some weekdays. A window whose end precedes its start ends on the next day."""

    days: Days = DAYS
    begins: Begins
    ends: Ends
    multiplier: Multiplier

    @model_validator(mode="after")
    def _has_a_length(self) -> "Window":
        if self.begins == self.ends:
            raise misplaced(("to",), 'equals from: a whole day is from "00:00" to "24:00"')
        return self

    @property
    def factor(self) -> int:
        """The multiplier as an integer of 10^-6."""
        return parse_fixed(self.multiplier, MULTIPLIER_DECIMALS)

    @property
    def spans(self) -> list[Span]:
        """The spans of the window in the week; a part beyond Sunday continues on Monday."""
        spans = week_spans(self.days, self.begins, self.ends)
        return [Span(start, end, self.factor) for start, end in spans]


def _apart(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    placed = sorted((span, place) for place, window in enumerate(windows) for span in window.spans)
    for (before, one), (after, other) in pairwise(placed):
        if after.start < before.end:
            first, second = sorted((one, other))
            raise misplaced((second,), f"overlaps windows.{first}")
    return windows


class OffPeak(Strict):
    """Multipliers of list prices by local time; 1 outside all windows."""

    time_zone: TimeZone
    windows: Annotated[Listed[Window], Field(min_length=1), AfterValidator(_apart)]

    @model_validator(mode="after")
    def _changes_something(self) -> "OffPeak":
        if len(_week(self)) == 1:
            raise misplaced(("windows",), "have one multiplier at all times: use a markup instead")
        return self


class Segment(NamedTuple):
    """A multiplier (integer of 10^-6) and the longest span `[start, end)` it holds in."""

    multiplier: int
    start: Instant
    end: Instant


def segment_at(off_peak: OffPeak, instant: Instant) -> Segment:
    """Return the multiplier at an instant, and the span in which it holds.

    Offsets come from the IANA data of this machine.
    """
    start, multiplier, end = _piece(off_peak, instant)
    # This terminates: every week has two multipliers.
    while (before := _piece(off_peak, start - 1))[1] == multiplier:
        start = before[0]
    while (after := _piece(off_peak, end))[1] == multiplier:
        end = after[2]
    return Segment(multiplier, start, end)


def _piece(off_peak: OffPeak, instant: Instant) -> tuple[Instant, int, Instant]:
    """Return a span around `instant` without a clock change, within one span of the week."""
    zone = ZoneInfo(off_peak.time_zone)
    in_week = time_in_week(zone, instant)
    span = next(span for span in _week(off_peak) if span.start <= in_week < span.end)
    start, end = instant - (in_week - span.start), instant + (span.end - in_week)
    return (
        _reach(zone, instant, start),
        span.multiplier,
        _reach(zone, instant, end - 1) + 1,
    )


@lru_cache(maxsize=128)
def _week(off_peak: OffPeak) -> tuple[Span, ...]:
    """Return the spans of the week in order, with equal neighbours merged."""
    found = [Span(0, 0, UNCHANGED)]
    placed = sorted(span for window in off_peak.windows for span in window.spans)
    for span in [*placed, Span(WEEK, WEEK, UNCHANGED)]:
        for part in (Span(found[-1].end, span.start, UNCHANGED), span):
            if part.start == part.end:
                continue
            if part.multiplier == found[-1].multiplier:
                found[-1] = found[-1]._replace(end=part.end)
            else:
                found.append(part)
    return tuple(span for span in found if span.start < span.end)


def _reach(zone: ZoneInfo, instant: Instant, limit: Instant) -> Instant:
    """Return the instant nearest to `limit` up to which the offset equals that of `instant`."""
    offset = offset_at(zone, instant)
    looks = [*range(instant, limit, _STEP if limit > instant else -_STEP), limit]
    changes = (pair for pair in pairwise(looks) if offset_at(zone, pair[1]) != offset)
    same, other = next(changes, (limit, limit))
    while abs(other - same) > 1:
        middle = (same + other) // 2
        if offset_at(zone, middle) == offset:
            same = middle
        else:
            other = middle
    return same
