"""Quota windows: half-open spans of a ledger's period, in the tenant's local time.

Every instant of a period is in exactly one window of each kind. A window ends with its period,
since later usage is counted in another ledger.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from metering.core.basics.instants import DAY, HOUR, Instant, to_datetime
from metering.core.calendars.calendar import day_start
from metering.core.calendars.periods import Period

type WindowKind = Literal["period", "day", "hour"]

_MICROSECOND: Final = timedelta(microseconds=1)


class Window(NamedTuple):
    """`[start, end)`."""

    start: Instant
    end: Instant


def window_of(kind: WindowKind, instant: Instant, zone: str, period: Period | Window) -> Window:
    """Return the window of a kind that contains `instant`, an instant of `period`.

    A day is a calendar day of the zone, 23 to 25 hours long. An hour starts on the hour of local
    time, and at every change of the offset.
    """
    if kind == "period":
        return Window(period.start, period.end)
    found = _day(instant, zone) if kind == "day" else _hour(instant, zone)
    return Window(max(found.start, period.start), min(found.end, period.end))


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
