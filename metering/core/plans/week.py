"""Hours of the week, in local time: spans from one time of day to another on some weekdays."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Final, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from metering.core.basics.instants import DAY, MINUTE, Instant, to_datetime
from metering.core.plans.terms import Listed

type Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day.__value__)
WEEK: Final = 7 * DAY
#: The epoch was a Thursday.
_EPOCH_IN_WEEK: Final = 3 * DAY
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTES_A_DAY: Final = 24 * 60


def _time_of_day(text: object) -> str:
    if not isinstance(text, str):
        # YAML reads 22:00 as the number 1320.
        raise ValueError(f'{text!r} is not a time: write it quoted, like "22:00"')  # noqa: TRY004
    return text


Days = Annotated[Listed[Day], Field(min_length=1)]
"""The weekdays on which a span starts."""
Begins = Annotated[
    str,
    BeforeValidator(_time_of_day),
    Field(alias="from", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
]
Ends = Annotated[
    str,
    BeforeValidator(_time_of_day),
    Field(alias="to", pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
]


def week_spans(days: Iterable[Day], begins: str, ends: str) -> list[tuple[int, int]]:
    """Return the spans `[start, end)` in microseconds since Monday 00:00.

    One whose end precedes its start ends on the next day; a part beyond Sunday is on Monday.
    """
    first, last = _minutes(begins), _minutes(ends)
    length = (last - first if last > first else last - first + _MINUTES_A_DAY) * MINUTE
    found: list[tuple[int, int]] = []
    for day in sorted({DAYS.index(day) for day in days}):
        start = day * DAY + first * MINUTE
        end = start + length
        found.append((start, min(end, WEEK)))
        if end > WEEK:
            found.append((0, end - WEEK))
    return found


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return 60 * int(hours) + int(minutes)


def offset_at(zone: ZoneInfo, instant: Instant) -> int:
    """Return local time minus UTC, in microseconds."""
    ahead = to_datetime(instant).astimezone(zone).utcoffset()
    assert ahead is not None
    return ahead // _MICROSECOND


def time_in_week(zone: ZoneInfo, instant: Instant) -> int:
    """Return the local time as microseconds since Monday 00:00."""
    return (instant + offset_at(zone, instant) + _EPOCH_IN_WEEK) % WEEK
