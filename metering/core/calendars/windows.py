"""Quota windows: half-open spans in the tenant's local time.

Every instant is in exactly one window of each kind. A day and an hour end with their period. Weeks,
quarters and years are those of the tenant's calendar and have usage of several ledgers.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from metering.core.basics.instants import DAY, HOUR, Instant, to_datetime
from metering.core.calendars.calendar import MONTHS, Calendar, day_start
from metering.core.calendars.periods import Period

type WindowKind = Literal["hour", "day", "week", "period", "quarter", "year"]
#: The windows that overlap several ledgers, each as cycles of a calendar.
_CYCLES: Final[dict[WindowKind, int]] = {"week": 1, "quarter": 3, "year": 12}
LONG: Final = frozenset(_CYCLES)

_MICROSECOND: Final = timedelta(microseconds=1)


class Window(NamedTuple):
    """`[start, end)`."""

    start: Instant
    end: Instant


def window_of(
    kind: WindowKind,
    instant: Instant,
    zone: str,
    period: Period | Window,
    calendar: Calendar = MONTHS,
) -> Window:
    """Return the window of a kind that contains `instant`, an instant of `period`.

    A day is a calendar day of the zone, 23 to 25 hours long. An hour starts on the hour of local
    time, and at every change of the offset. `calendar` is the tenant's: weeks, quarters and years
    follow it, see `_long`.
    """
    if kind == "period":
        return Window(period.start, period.end)
    if kind in _CYCLES:
        return _long(kind, instant, calendar)
    found = _day(instant, zone) if kind == "day" else _hour(instant, zone)
    return Window(max(found.start, period.start), min(found.end, period.end))


def _long(kind: WindowKind, instant: Instant, calendar: Calendar) -> Window:
    """Return the week, quarter or year of a calendar that contains an instant.

    A week begins on the weekday on which a weekly calendar begins, otherwise on Monday. A quarter
    begins in January, April, July or October and a year in January, on the day of the month on
    which a monthly calendar begins, otherwise on the first.
    """
    cycles = _cycles_of(calendar, "weekly" if kind == "week" else "monthly")
    found = cycles.period_at(instant, _CYCLES[kind])
    return Window(found.start, found.end)


@lru_cache(maxsize=1024)
def _cycles_of(calendar: Calendar, cycle: Literal["weekly", "monthly"]) -> Calendar:
    """Return the calendar itself, or one of another cycle in the same zone."""
    return (
        calendar if calendar.cycle == cycle else Calendar(cycle=cycle, time_zone=calendar.time_zone)
    )


def _day(instant: Instant, zone: str) -> Window:
    today = to_datetime(instant).astimezone(ZoneInfo(zone)).date()
    return _span_of(today, zone)


@lru_cache(maxsize=1024)
def _span_of(day: date, zone: str) -> Window:
    return Window(day_start(day, zone), day_start(day + timedelta(days=1), zone))


def _hour(instant: Instant, zone: str) -> Window:
    here = ZoneInfo(zone)
    offset = _offset(here, instant)
    start = instant - (instant + offset) % HOUR
    return Window(
        _while_unchanged(here, instant, start),
        _while_unchanged(here, instant, start + HOUR - 1) + 1,
    )


def _while_unchanged(zone: ZoneInfo, instant: Instant, limit: Instant) -> Instant:
    """Return the instant nearest to `limit` up to which the offset equals that of `instant`."""
    offset = _offset(zone, instant)
    if _offset(zone, limit) == offset:
        return limit
    same, other = instant, limit
    while abs(other - same) > 1:
        middle = (same + other) // 2
        if _offset(zone, middle) == offset:
            same = middle
        else:
            other = middle
    return same


def _offset(zone: ZoneInfo, instant: Instant) -> int:
    """Return local time minus UTC, in microseconds."""
    ahead = to_datetime(instant).astimezone(zone).utcoffset()
    return (ahead or timedelta()) // _MICROSECOND


#: How long after its end a window is still counted: late usage arrives within a day.
LATE: Final = DAY
