"""Projections: what a window comes to, by the rhythm of the tenant's own last weeks.

The hours are those that spikes compare with (see spikes.py). From a week of them on, the rest of a
window is what was spent in the same span of the last one to four weeks, in local time, at the level
of the last two. If spend rose, or fell, from each of at least three weeks to the next, the level is
that of the last week, and goes on by the smallest of these changes a week, for four weeks at most:
a step is no growth. From a day on, the rest is the mean of the same span of the last days. Before,
a window goes on in a straight line.
"""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final, NamedTuple, Self
from zoneinfo import ZoneInfo

from metering.core.basics.instants import DAY, HOUR, Instant
from metering.core.calendars.windows import Window
from metering.core.plans.quota import Quota
from metering.core.plans.scope import EVERYTHING
from metering.core.plans.spikes import WEEKS, Hours
from metering.core.plans.week import WEEK, offset_at

#: The part of a window that must have passed before its rate says anything: a tenth.
FIRST_FORECAST: Final = 10
#: Weeks from which a growth shows: two changes in the same direction.
LEAST_WEEKS: Final = 3
#: A change of more than that from week to week goes on as this one.
MOST_GROWTH: Final = Fraction(2)
#: Weeks for which a growth goes on.
GROWING_WEEKS: Final = 4


class Ahead(NamedTuple):
    """The usage expected in the rest of a window."""

    spend: int
    """In 10^-18 currency units, rounded down."""
    growth: Fraction | None
    """The same as a multiple of what was spent in the window; None if nothing was."""


class Rhythm(NamedTuple):
    """The spend of a tenant up to an instant, by the hour, and what a day or week of it repeats."""

    at: Instant
    zone: ZoneInfo
    starts: tuple[Instant, ...]
    """Of the hours with spend, ascending."""
    sums: tuple[int, ...]
    """The spend before each of these hours, and that of all of them."""
    unit: Instant
    """A week, or a day while less than a week is known."""
    totals: tuple[int, ...]
    """The spend of the last units, latest first, as `spent` returns it."""

    @classmethod
    def of(cls, hours: Hours, zone: str, at: Instant) -> Self | None:
        """Return the rhythm as of an instant; None if less than a day is known before it."""
        until = at - at % HOUR
        known = [(hour, max(0, amount)) for hour, amount in hours.amounts if hour <= at]
        length = until - known[0][0] if known else 0
        if length < DAY:
            return None
        unit = WEEK if length >= WEEK else DAY
        number = min(WEEKS, length // WEEK) if unit == WEEK else length // DAY
        starts = tuple(hour for hour, _ in known)
        sums = tuple(accumulate((amount for _, amount in known), initial=0))
        found = cls(at, ZoneInfo(zone), starts, sums, unit, ())
        ends = [until - back * unit for back in range(number + 1)]
        return found._replace(totals=tuple(found.spent(a, b) for b, a in pairwise(ends)))

    def spent(self, start: Instant, end: Instant) -> int:
        """Return the spend of `[start, end)`, multiplied by the microseconds of an hour.

        Parts of an hour count in proportion.
        """
        return self._before(end) - self._before(start)

    def _before(self, instant: Instant) -> int:
        index = bisect_right(self.starts, instant) - 1
        if index < 0:
            return 0
        part = min(HOUR, instant - self.starts[index])
        return self.sums[index] * HOUR + (self.sums[index + 1] - self.sums[index]) * part

    def until(self, end: Instant) -> Fraction:
        """Return the spend that is expected from `at` to `end`, in 10^-18 currency units."""
        whole = sum(self.totals)
        if not whole or end <= self.at:
            return Fraction(0)
        growth = _growth(self.totals) if self.unit == WEEK else Fraction(1)
        level = _mean(self.totals if self.unit == DAY else self.totals[: 2 if growth == 1 else 1])
        full = (end - self.at) // self.unit
        units = sum(growth ** min(number, GROWING_WEEKS) for number in range(1, full + 1))
        last = growth ** min(full + 1, GROWING_WEEKS)
        return level * (units + last * Fraction(self._same_part(end, full), whole)) / HOUR

    def _same_part(self, end: Instant, full: int) -> int:
        """Return what the known units spent in the span that is left after full units."""
        return sum(
            self.spent(self._ago(self.at, back), self._ago(end, full + back))
            for back in range(1, len(self.totals) + 1)
        )

    def _ago(self, instant: Instant, units: int) -> Instant:
        """Return the same local time some units before."""
        then = instant - units * self.unit
        return then + offset_at(self.zone, instant) - offset_at(self.zone, then)

    def ahead(self, window: Window) -> Ahead:
        """Return what is expected in the rest of a window that contains `at`."""
        rest, spent = self.until(window.end), self._spent_since(window.start)
        return Ahead(int(rest), rest / spent if spent else None)

    def _spent_since(self, start: Instant) -> Fraction:
        """Return the spend from `start` to `at`; for hours that are not known, in proportion."""
        known = max(start, self.starts[0])
        spent = self.spent(known, self.at - self.at % HOUR + HOUR)
        return Fraction(spent * (self.at - start), HOUR * max(1, self.at - known))


def _growth(totals: Sequence[int]) -> Fraction:
    """Return the factor from week to week, 1 unless spend rose or fell in each of them."""
    if len(totals) < LEAST_WEEKS or not all(totals):
        return Fraction(1)
    factors = [Fraction(later, earlier) for later, earlier in pairwise(totals)]
    if min(factors) > 1:
        return min(*factors, MOST_GROWTH)
    return min(Fraction(1), max(factors))


def _mean(totals: Sequence[int]) -> Fraction:
    return Fraction(sum(totals), len(totals))


def is_spend(quota: Quota) -> bool:
    """Return whether a quota counts all the tenant spends, as the hours do."""
    return quota.metric == "amount" and quota.scope == EVERYTHING


def projected(used: int, window: Window, at: Instant, ahead: Ahead | None, *, spend: bool) -> int:
    """Return the usage at the end of a window, rounded down; at least `used`.

    `spend`: whether the usage is the tenant's whole spend, to which the expected spend is added.
    Other usage goes on in proportion to it: at the share of the spend that it had in the window.
    `ahead` is None without a rhythm: then usage goes on at its rate since the start of the window.
    """
    if ahead is not None and spend:
        return used + ahead.spend
    if ahead is not None and ahead.growth is not None:
        return max(used, used + used * ahead.growth.numerator // ahead.growth.denominator)
    elapsed = max(1, at - window.start)
    return max(used, used * (window.end - window.start) // elapsed)


def foreseen(quota: Quota, used: int, window: Window, at: Instant, ahead: Ahead | None) -> int:
    """Return the projection that alerts compare with a limit.

    Before a tenth of the window has passed it is the usage so far, unless the rhythm alone tells
    the rest: a few requests are no rate. So it is once the window has ended.
    """
    spend, elapsed, whole = is_spend(quota), at - window.start, window.end - window.start
    is_early = elapsed * FIRST_FORECAST < whole and (ahead is None or not spend)
    if is_early or elapsed >= whole:
        return used
    return projected(used, window, at, ahead, spend=spend)
