"""Comparisons: the usage of a period beside that of the same part of the one before.

Usage is summed up by UTC day. Of a running period the days that have ended count, and of the one
before as many days from its start, or all of it where it was shorter.
"""

from datetime import date, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import Days, Period, day_at, days_between
from metering.core.ledger.head import NOTHING
from metering.core.reports.breakdown import Row

NO_USAGE: Final = Row((), NOTHING, 0)
_TENTHS: Final = 1_000


class Part(NamedTuple):
    """Some days of a period, and its usage on them in the currency of its plan."""

    period: Period
    days: Days
    currency: str
    usage: Row = NO_USAGE


class Comparison(NamedTuple):
    """A period and the one before it."""

    period: Period
    is_running: bool
    before: Period | None
    """None for a first period."""
    part: Part | None = None
    """None if there is nothing to compare yet."""
    part_before: Part | None = None

    @property
    def reason(self) -> str | None:
        """Why nothing is compared: `first_period` or `no_day_ended`."""
        if self.before is None:
            return "first_period"
        return "no_day_ended" if self.part is None else None

    @property
    def is_in_one_currency(self) -> bool:
        """Say whether the amounts can be compared."""
        one, other = self.part, self.part_before
        return one is not None and other is not None and one.currency == other.currency


class Change(NamedTuple):
    """A figure and its value before; None where it is not known."""

    now: Amount | None
    before: Amount | None

    @property
    def difference(self) -> Amount | None:
        """The absolute change."""
        return None if self.now is None or self.before is None else self.now - self.before

    @property
    def per_mille(self) -> int | None:
        """The change in tenths of a percent, half to even; None unless it was above zero before."""
        if self.difference is None or self.before is None or self.before <= 0:
            return None
        return round(Fraction(self.difference * _TENTHS, self.before))


def ended_days(period: Period, now: Instant) -> Days | None:
    """Return the UTC days of a period that have ended; None if there are none yet."""
    days = days_between(period.start, period.end)
    if period.end <= now:
        return days
    today = day_at(max(now, period.start))
    return Days(days.first, today) if days.first < today else None


def same_days(days: Days, period: Period, before: Period) -> Days:
    """Return the days of the period before that stand beside some days of a period."""
    whole, all_before = (days_between(one.start, one.end) for one in (period, before))
    if days == whole:
        return all_before
    length = date.fromisoformat(days.end) - date.fromisoformat(days.first)
    end = date.fromisoformat(all_before.first) + timedelta(days=length.days)
    return Days(all_before.first, min(end.isoformat(), all_before.end))
