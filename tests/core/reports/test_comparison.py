"""Comparisons: which days of the period before stand beside those of a period."""

import pytest

from metering.core.basics.instants import parse_instant
from metering.core.calendars.periods import Days, Period, parse_month
from metering.core.reports.comparison import Change, ended_days, same_days


def period(start: str, end: str) -> Period:
    return Period(parse_instant(start), parse_instant(end), start[:10])


NOVEMBER = parse_month("2026-11")
#: November of New York: winter time begins on the first.
IN_NEW_YORK = period("2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z")
#: November of Tokyo begins on the last of October in UTC.
IN_TOKYO = period("2026-10-31T15:00:00Z", "2026-11-30T15:00:00Z")
TOKYO_BEFORE = period("2026-09-30T15:00:00Z", "2026-10-31T15:00:00Z")


@pytest.mark.parametrize(
    ("of", "now", "days"),
    [
        (NOVEMBER, "2026-11-20T12:00:00Z", Days("2026-11-01", "2026-11-20")),
        (NOVEMBER, "2026-11-01T23:59:59Z", None),
        (NOVEMBER, "2026-12-01T00:00:00Z", Days("2026-11-01", "2026-12-01")),
        # A period that has not begun.
        (NOVEMBER, "2026-10-05T00:00:00Z", None),
        (IN_NEW_YORK, "2026-12-01T04:59:00Z", Days("2026-11-01", "2026-12-01")),
        (IN_NEW_YORK, "2026-12-01T05:00:00Z", Days("2026-11-01", "2026-12-02")),
        (IN_TOKYO, "2026-11-02T00:00:00Z", Days("2026-10-31", "2026-11-02")),
    ],
)
def test_of_a_running_period_the_ended_days_count(of: Period, now: str, days: Days | None) -> None:
    assert ended_days(of, parse_instant(now)) == days


@pytest.mark.parametrize(
    ("days", "of", "before", "same"),
    [
        (
            Days("2026-11-01", "2026-11-20"),
            NOVEMBER,
            parse_month("2026-10"),
            Days("2026-10-01", "2026-10-20"),
        ),
        # Whole beside whole, whatever the lengths.
        (
            Days("2026-11-01", "2026-12-01"),
            NOVEMBER,
            parse_month("2026-10"),
            Days("2026-10-01", "2026-11-01"),
        ),
        # 29 days of March beside all 28 of February.
        (
            Days("2026-03-01", "2026-03-30"),
            parse_month("2026-03"),
            parse_month("2026-02"),
            Days("2026-02-01", "2026-03-01"),
        ),
        # The first part of a day and two whole days, in both.
        (
            Days("2026-10-31", "2026-11-03"),
            IN_TOKYO,
            TOKYO_BEFORE,
            Days("2026-09-30", "2026-10-03"),
        ),
        # From the 31st, in months that may lack one: periods of 30 and 28 days.
        (
            Days("2026-03-31", "2026-04-30"),
            period("2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z"),
            period("2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"),
            Days("2026-02-28", "2026-03-31"),
        ),
    ],
)
def test_beside_them_stand_as_many_days_from_the_start(
    days: Days, of: Period, before: Period, same: Days
) -> None:
    assert same_days(days, of, before) == same


@pytest.mark.parametrize(
    ("now", "before", "difference", "per_mille"),
    [
        (150, 100, 50, 500),
        # 2/3 less: 66.7 %.
        (1, 3, -2, -667),
        (0, 5, -5, -1000),
        (5, 0, 5, None),
        (5, -1, 6, None),
        (None, 5, None, None),
        (5, None, None, None),
    ],
)
def test_a_change_is_absolute_and_relative(
    now: int | None, before: int | None, difference: int | None, per_mille: int | None
) -> None:
    change = Change(now, before)
    assert (change.difference, change.per_mille) == (difference, per_mille)
