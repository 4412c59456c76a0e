"""Spans: what the points of one run add up to in a quarter of an hour, in whatever order they come.

A counter is a figure with a start; another start is a counter that begins at zero. Of a counter
whose start is known a span keeps the highest value, and its usage is what that is above the highest
value before the span. Of others it keeps every point.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from metering.core.aggregates.point import Figure, Point, Run, Values, span_start
from metering.core.basics.instants import Instant

#: Intervals of one span: one a second leaves room. Points beyond it are refused.
MAX_INTERVALS: Final = 2_000
#: Starts of counters that a run is followed from. Points of one that began before are refused.
MAX_STARTS: Final = 16


class Interval(NamedTuple):
    """The time that a point covers.

    Of a counter whose start is known only the highest value counts: its end is that of no point.
    """

    start: Instant
    end: Instant


type Intervals = Mapping[Interval, Values]
type Base = Mapping[Instant, Values]
"""Values of counters by their start; 0 for those whose start is unknown."""


@dataclass(frozen=True, slots=True)
class Span:
    """One quarter of an hour of one run."""

    run: Run
    number: int
    intervals: Intervals = field(default_factory=dict)
    base: Base = field(default_factory=dict)
    """The values of counters before the span."""
    revision: int = 0
    """The number of changes of the usage."""
    published: int = 0
    """The revision that was published last."""

    @property
    def start(self) -> Instant:
        """The first instant of the span."""
        return span_start(self.number)

    @property
    def usage(self) -> Values:
        """The usage within the span, by figure. A figure that no point states is not in it."""
        if self.run.is_cumulative:
            return self._counted()[1]
        return _sum(self.intervals.values())

    @property
    def last(self) -> Base:
        """The values of counters at the end of the span."""
        last, _ = self._counted()
        kept = sorted(last)[-MAX_STARTS:]
        return {start: last[start] for start in kept}

    @property
    def has_estimate(self) -> bool:
        """Say whether the platform's own estimate of the cost is among its points."""
        return any(Figure.COST in values for values in self.intervals.values())

    @property
    def is_published(self) -> bool:
        """Say whether the usage as it is now has been published."""
        return self.published == self.revision

    def _counted(self) -> tuple[dict[Instant, Values], Values]:
        """Return the values of counters at the end of the span, and what they grew by."""
        last = {start: dict(values) for start, values in self.base.items()}
        used: defaultdict[Figure, int] = defaultdict(int)
        for interval, values in sorted(self.intervals.items(), key=lambda one: one[0].end):
            known = last.setdefault(interval.start, {})
            for figure, value in values.items():
                before = known.get(figure, 0 if interval.start else None)
                if before is not None:
                    used[figure] += _growth(before, value, has_start=interval.start != 0)
                known[figure] = max(before or 0, value) if interval.start else value
        return last, dict(used)

    def with_points(self, points: Iterable[Point]) -> tuple["Span", int]:
        """Return the span with points of its own, and how many of them it has no room for.

        A point that is there already changes nothing. Where two give one interval different
        values, the higher one stands.
        """
        intervals = {interval: dict(values) for interval, values in self.intervals.items()}
        refused = 0
        for point in points:
            interval = self._interval(point)
            is_full = interval not in intervals and len(intervals) >= MAX_INTERVALS
            if is_full or self._is_forgotten(interval.start):
                refused += 1
                continue
            values = intervals.setdefault(interval, {})
            values[point.figure] = max(values.get(point.figure, 0), point.value)
        return self._changed(replace(self, intervals=intervals)), refused

    def _interval(self, point: Point) -> Interval:
        if self.run.is_cumulative and point.start:
            return Interval(point.start, self.start)
        return Interval(point.start, point.end)

    def _is_forgotten(self, start: Instant) -> bool:
        """Say whether a counter began before those that are still followed."""
        return len(self.base) >= MAX_STARTS and start < min(self.base)

    def after(self, base: Base) -> "Span":
        """Return the span with other values before it."""
        return self if base == self.base else self._changed(replace(self, base=base))

    def _changed(self, after: "Span") -> "Span":
        if after.usage == self.usage:
            return after
        return replace(after, revision=self.revision + 1)

    @property
    def says_nothing(self) -> bool:
        """Say whether the span need not be kept: nothing was used, and nothing is counted from it.

        The first values of a counter whose start is unknown are where its usage begins.
        """
        if self.published or any(self.usage.values()):
            return False
        known = self.base.get(0, {})
        begun = (
            figure
            for interval, values in self.intervals.items()
            if self.run.is_cumulative and not interval.start
            for figure in values
        )
        return all(figure in known for figure in begun)


def _growth(before: int, value: int, *, has_start: bool) -> int:
    """Return what a counter grew by. One that fell has begun anew, if its start is unknown."""
    if value >= before:
        return value - before
    return 0 if has_start else value


def _sum(rows: Iterable[Values]) -> Values:
    total: defaultdict[Figure, int] = defaultdict(int)
    for values in rows:
        for figure, value in values.items():
            total[figure] += value
    return dict(total)
