"""Calendars: the billing periods of a tenant, in its local time."""

from calendar import monthrange
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from metering.core.basics.instants import Instant, instant_of, to_datetime
from metering.core.basics.validation import Strict, TimeZone, misplaced
from metering.core.calendars.periods import Period

_MONTHS: Final = 12
_WEEK: Final = 7
#: The highest anchor of each cycle: a day of the month, an ISO weekday; daily has none.
_LAST_ANCHOR: Final = {"monthly": 31, "weekly": _WEEK, "daily": 1}


class Calendar(Strict):
    """The starts of periods: each is the first instant of a local day."""

    cycle: Literal["monthly", "weekly", "daily"] = "monthly"
    anchor: int = Field(default=1, ge=1)
    """The day of the month, or the last day of a shorter month; in a week, 1 is Monday."""
    time_zone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _has_such_a_day(self) -> "Calendar":
        last = _LAST_ANCHOR[self.cycle]
        if self.anchor > last:
            raise misplaced(("anchor",), f"{self.anchor} is above {last}: cycle is {self.cycle}")
        return self

    @property
    def label(self) -> str:
        """A description for people: `monthly from day 15, Europe/Berlin`."""
        anchors = {"monthly": f" from day {self.anchor}", "weekly": f" from weekday {self.anchor}"}
        return f"{self.cycle}{anchors.get(self.cycle, '')}, {self.time_zone}"

    def period_at(self, instant: Instant, cycles: int = 1) -> Period:
        """Return the period that contains an instant; with `cycles`, the one of so many cycles.

        Twelve months begin with January, three with January, April, July or October.
        """
        today = to_datetime(instant).astimezone(ZoneInfo(self.time_zone)).date()
        # Only instants order. Where a clock goes back over midnight a date comes twice, where it
        # goes forward over it the date comes early (Toronto, 1919-03-31), and where a zone leaves
        # a day out (Apia, 2011-12-30) that would be an empty period.
        number = _number(self, today) // cycles - 1
        while _period(self, number, cycles).end <= instant:
            number += 1
        return _period(self, number, cycles)


#: The calendar of a tenant without a decision.
MONTHS: Final = Calendar()


def day_start(day: date, zone: str) -> Instant:
    """Return the first instant of a calendar day: the end of the gap if midnight is skipped."""
    return instant_of(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))


def _number(calendar: Calendar, day: date) -> int:
    """Return the number of the cycle that contains a local date."""
    if calendar.cycle == "daily":
        return day.toordinal()
    if calendar.cycle == "weekly":
        return (day.toordinal() - calendar.anchor) // _WEEK
    number = day.year * _MONTHS + day.month - 1
    return number if day >= _first_day(calendar, number) else number - 1


def _first_day(calendar: Calendar, number: int) -> date:
    if calendar.cycle == "daily":
        return date.fromordinal(number)
    if calendar.cycle == "weekly":
        return date.fromordinal(number * _WEEK + calendar.anchor)
    year, month = divmod(number, _MONTHS)
    _, length = monthrange(year, month + 1)
    return date(year, month + 1, min(calendar.anchor, length))


@lru_cache(maxsize=4096)
def _period(calendar: Calendar, number: int, cycles: int) -> Period:
    first = _first_day(calendar, number * cycles)
    following = _first_day(calendar, (number + 1) * cycles)
    name = first.isoformat()
    return Period(
        day_start(first, calendar.time_zone),
        day_start(following, calendar.time_zone),
        name[:7] if calendar.cycle == "monthly" else name,
    )
