"""NCRONTAB schedules of timer functions: when a timer is due next, in UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, instant_of, to_datetime

#: The first and last value of each field: second, minute, hour, day, month, day of the week.
_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))

_FIELDS_WITHOUT_SECONDS = 5

#: A given 29 February falls on a given day of the week once in 28 years, or 40 around a century.
_SEARCH_DAYS = 41 * 366


class ScheduleInvalid(ConfigurationError):
    """The text is not a supported schedule, or never comes due."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule: the values each field allows, in order.

    As in NCRONTAB, and unlike cron, a day must suit the day field and the day-of-week field both.
    Days of the week count from Sunday, 0.
    """

    text: str
    fields: tuple[tuple[int, ...], ...]

    def after(self, instant: Instant) -> Instant:
        """Return the first due instant strictly after one. Raises ScheduleInvalid if none comes."""
        start = to_datetime(instant).replace(microsecond=0) + timedelta(seconds=1)
        for days in range(_SEARCH_DAYS):
            day = start.date() + timedelta(days=days)
            if not self._allows(day.isoweekday() % 7, day.day, day.month):
                continue
            for moment in self._times(start.time() if days == 0 else time.min):
                return instant_of(datetime.combine(day, moment, UTC))
        raise ScheduleInvalid(f"{self.text!r} never comes due")

    def _allows(self, weekday: int, day: int, month: int) -> bool:
        days, months, weekdays = self.fields[3:]
        return day in days and month in months and weekday in weekdays

    def _times(self, start: time) -> Iterator[time]:
        seconds, minutes, hours = self.fields[:3]
        for hour in (h for h in hours if h >= start.hour):
            for minute in (m for m in minutes if (hour, m) >= (start.hour, start.minute)):
                for second in seconds:
                    moment = time(hour, minute, second)
                    if moment >= start:
                        yield moment


def parse_schedule(text: str) -> Schedule:
    """Parse six fields, or five without seconds, of numbers, `*`, lists, ranges and steps.

    Stricter than NCRONTAB itself: names and reversed ranges are refused. Raises ScheduleInvalid,
    also for a schedule that never comes due.
    """
    parts = text.split()
    if len(parts) == _FIELDS_WITHOUT_SECONDS:
        parts = ["0", *parts]
    if len(parts) != len(_RANGES):
        raise ScheduleInvalid(f"{text!r} has {len(parts)} fields, not 5 or 6")
    try:
        fields = tuple(_field(part, *span) for part, span in zip(parts, _RANGES, strict=True))
    except ValueError as error:
        raise ScheduleInvalid(f"{text!r} is not a schedule: {error}") from error
    schedule = Schedule(text, fields)
    schedule.after(0)
    return schedule


def _field(text: str, first: int, last: int) -> tuple[int, ...]:
    values = {value for part in text.split(",") for value in _part(part, first, last)}
    return tuple(sorted(values))


def _part(text: str, first: int, last: int) -> range:
    span, slash, step = text.partition("/")
    start, dash, end = span.partition("-")
    if span == "*":
        low, high = first, last
    elif dash:
        low, high = int(start), int(end)
    else:
        # 5/15 means from 5 to the end in steps of 15; 5 alone means 5.
        low, high = int(start), last if slash else int(start)
    interval = int(step) if slash else 1
    if not first <= low <= high <= last or interval < 1:
        raise ValueError(f"{text} is not within {first} to {last}")
    return range(low, high + 1, interval)
