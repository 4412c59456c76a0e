"""Spans of UTC days, half-open."""

from typing import Final, NamedTuple

from metering.core.instants import DAY, Instant, to_datetime
from metering.core.periods import Period


class Days(NamedTuple):
    """The days from `first` on, before `end`, each named like `2026-11-20`."""

    first: str
    end: str

    def __contains__(self, day: object) -> bool:
        """Say whether a day is one of them."""
        return isinstance(day, str) and self.first <= day < self.end

    def overlap(self, period: Period) -> bool:
        """Say whether a period has an instant in any of them."""
        last = period.end - 1
        return self.first <= day_at(last) and day_at(period.start) < self.end


#: Names of days sort as text: before the first and after the last there can be.
ALL_DAYS: Final = Days("", "~")


def day_at(instant: Instant) -> str:
    """Return the UTC day that owns an instant."""
    return to_datetime(instant).date().isoformat()


def days_between(start: Instant, end: Instant) -> Days:
    """Return the days that `[start, end)` touches."""
    return Days(day_at(start), day_at(end - 1 + DAY))
