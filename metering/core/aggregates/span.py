"""Spans: what the points of one run add up to in a quarter of an hour, in whatever order they come.

Of a cumulative run with a known start a span keeps its highest values, and its usage is what they
are above the highest values before the span. Of other runs it keeps every point.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from metering.core.aggregates.point import Figure, Point, Run, Values, span_start
from metering.core.basics.instants import Instant

#: Intervals of one span: one a second leaves room. Points beyond it are refused.
MAX_INTERVALS: Final = 2_000


class Interval(NamedTuple):
    """The time that a point covers; of a cumulative one only its end counts."""

    start: Instant
    end: Instant


type Intervals = Mapping[Interval, Values]


@dataclass(frozen=True, slots=True)
class Span:
    """One quarter of an hour of one run."""

    run: Run
    number: int
    intervals: Intervals = field(default_factory=dict)
    base: Values | None = None
    """The cumulative values before the span; None if none are known."""
    revision: int = 0
    """How often the usage has changed."""
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
    def last(self) -> Values:
        """The cumulative values at the end of the span."""
        return self._counted()[0]

    @property
    def is_published(self) -> bool:
        """Say whether the usage as it is now has been published."""
        return self.published == self.revision

    def _counted(self) -> tuple[Values, Values]:
        """Return the values at the end of a cumulative span, and what they grew by."""
        last: Values = dict(self.base or {})
        used: defaultdict[Figure, int] = defaultdict(int)
        for _, values in sorted(self.intervals.items(), key=lambda one: one[0].end):
            for figure, value in values.items():
                before = last.get(figure, 0 if self.run.start is not None else None)
                if before is not None:
                    used[figure] += self._growth(before, value)
                last[figure] = max(before or 0, value) if self.run.start is not None else value
        return last, dict(used)

    def _growth(self, before: int, value: int) -> int:
        """Return what a counter grew by. One that fell has begun anew, if its start is unknown."""
        if value >= before:
            return value - before
        return 0 if self.run.start is not None else value

    def with_points(self, points: Iterable[Point]) -> tuple["Span", int]:
        """Return the span with points of its own, and how many of them it has no room for.

        A point that is there already changes nothing. Where two give one interval different
        values, the higher one stands.
        """
        intervals = {interval: dict(values) for interval, values in self.intervals.items()}
        refused = 0
        for point in points:
            interval = self._interval(point)
            if interval not in intervals and len(intervals) >= MAX_INTERVALS:
                refused += 1
                continue
            values = intervals.setdefault(interval, {})
            values[point.figure] = max(values.get(point.figure, 0), point.value)
        return self._changed(replace(self, intervals=intervals)), refused

    def _interval(self, point: Point) -> Interval:
        if not self.run.is_cumulative:
            return Interval(point.start, point.end)
        return Interval(0, point.end if self.run.start is None else self.start)

    def after(self, base: Values | None) -> "Span":
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
        return not self.run.is_cumulative or self.run.start is not None or self.base is not None


def _sum(rows: Iterable[Values]) -> Values:
    total: defaultdict[Figure, int] = defaultdict(int)
    for values in rows:
        for figure, value in values.items():
            total[figure] += value
    return dict(total)
