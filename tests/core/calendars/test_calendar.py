"""Calendars: every instant is in exactly one period, whatever the clocks of its zone do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, Instant, format_instant, parse_instant
from metering.core.basics.validation import validated
from metering.core.calendars.calendar import MONTHS, Calendar
from metering.core.calendars.periods import month_of

#: Each with an instant at which its clocks do something: half an hour, over midnight, a whole day.
ZONES = {
    "UTC": "2016-12-31T23:59:59Z",
    "Europe/Berlin": "2026-10-25T01:00:00Z",
    "Africa/Casablanca": "2026-02-15T02:00:00Z",
    "Africa/Cairo": "2026-04-23T22:00:00Z",
    "Africa/Monrovia": "1972-01-07T00:44:30Z",
    "America/Havana": "2026-11-01T05:00:00Z",
    "America/Scoresbysund": "2024-03-31T01:00:00Z",
    # One minute after midnight it became 23:01 again.
    "America/St_Johns": "2010-11-07T02:31:00Z",
    "Asia/Kolkata": "2026-01-01T00:00:00Z",
    "Asia/Pyongyang": "2018-05-04T15:00:00Z",
    "Australia/Lord_Howe": "2026-04-04T15:00:00Z",
    "Pacific/Apia": "2011-12-30T10:00:00Z",
    "Pacific/Kiritimati": "1994-12-31T10:00:00Z",
}


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    cycle = draw(st.sampled_from(["monthly", "weekly", "daily"]))
    last = {"monthly": 31, "weekly": 7, "daily": 1}[cycle]
    anchor, zone = draw(st.integers(1, last)), draw(st.sampled_from(sorted(ZONES)))
    return Calendar.model_validate({"cycle": cycle, "anchor": anchor, "time_zone": zone})


YEARS = st.integers(parse_instant("1970-01-02T00:00:00Z"), parse_instant("2050-01-01T00:00:00Z"))
NEAR = st.builds(
    lambda change, away: parse_instant(change) + away,
    st.sampled_from(sorted(ZONES.values())),
    st.integers(-2 * DAY, 2 * DAY) | st.sampled_from([-1, 0, 1]),
)
LONGEST = {"monthly": 31 * DAY, "weekly": 7 * DAY, "daily": DAY}


@given(calendars(), YEARS | NEAR)
def test_every_instant_is_in_exactly_one_period_and_the_periods_adjoin(
    calendar: Calendar, at: Instant
) -> None:
    period = calendar.period_at(at)
    assert period.start <= at < period.end
    assert period.end - period.start <= LONGEST[calendar.cycle] + HOUR
    assert calendar.period_at(period.start) == calendar.period_at(period.end - 1) == period
    after, before = calendar.period_at(period.end), calendar.period_at(period.start - 1)
    assert (before.end, after.start) == (period.start, period.end)
    assert before.name < period.name < after.name


@given(YEARS)
def test_without_a_word_periods_are_calendar_months_in_utc(at: Instant) -> None:
    assert MONTHS.period_at(at) == month_of(at)


def period(at: str, **calendar: Any) -> tuple[str, str, str]:
    found = Calendar(**calendar).period_at(parse_instant(at))
    return format_instant(found.start), format_instant(found.end), found.name


@pytest.mark.parametrize(
    ("at", "anchor", "start", "end", "name"),
    [
        ("2026-11-14T23:59:59Z", 15, "2026-10-15", "2026-11-15", "2026-10"),
        ("2026-11-15T00:00:00Z", 15, "2026-11-15", "2026-12-15", "2026-11"),
        # A month without such a day begins on its last one, in a leap year on the 29th.
        ("2026-02-28T00:00:00Z", 31, "2026-02-28", "2026-03-31", "2026-02"),
        ("2028-02-28T12:00:00Z", 31, "2028-01-31", "2028-02-29", "2028-01"),
        ("2028-02-29T00:00:00Z", 29, "2028-02-29", "2028-03-29", "2028-02"),
        ("2027-02-28T00:00:00Z", 29, "2027-02-28", "2027-03-29", "2027-02"),
        ("2026-02-27T12:00:00Z", 30, "2026-01-30", "2026-02-28", "2026-01"),
        ("2026-04-30T00:00:00Z", 31, "2026-04-30", "2026-05-31", "2026-04"),
        ("2027-01-30T00:00:00Z", 31, "2026-12-31", "2027-01-31", "2026-12"),
    ],
)
def test_a_month_begins_on_its_anchor_day_or_its_last(
    at: str, anchor: int, start: str, end: str, name: str
) -> None:
    found = period(at, anchor=anchor)
    assert found == (f"{start}T00:00:00Z", f"{end}T00:00:00Z", name)


@pytest.mark.parametrize(
    ("at", "calendar", "expected"),
    [
        # 2026-11-23 is a Monday. Summer time ends on 2026-10-25, a Sunday.
        (
            "2026-11-29T22:59:59Z",
            {"cycle": "weekly", "time_zone": "Europe/Berlin"},
            ("2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z", "2026-11-23"),
        ),
        (
            "2026-10-25T12:00:00Z",
            {"cycle": "weekly", "anchor": 7, "time_zone": "Europe/Berlin"},
            ("2026-10-24T22:00:00Z", "2026-10-31T23:00:00Z", "2026-10-25"),
        ),
        (
            "2026-10-25T12:00:00Z",
            {"cycle": "daily", "time_zone": "Europe/Berlin"},
            ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-25"),
        ),
        (
            "2026-11-20T12:00:00Z",
            {"time_zone": "Asia/Kolkata"},
            ("2026-10-31T18:30:00Z", "2026-11-30T18:30:00Z", "2026-11"),
        ),
        # Samoa left out 30 December: the 29th is followed by the 31st.
        (
            "2011-12-30T09:59:59Z",
            {"cycle": "daily", "time_zone": "Pacific/Apia"},
            ("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-29"),
        ),
        (
            "2011-12-30T10:00:00Z",
            {"cycle": "daily", "time_zone": "Pacific/Apia"},
            ("2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z", "2011-12-31"),
        ),
        # On 7 January 1972 in Liberia the clocks went from midnight to 00:44:30.
        (
            "1972-01-07T12:00:00Z",
            {"cycle": "daily", "time_zone": "Africa/Monrovia"},
            ("1972-01-07T00:44:30Z", "1972-01-08T00:00:00Z", "1972-01-07"),
        ),
        # In Toronto 30 March 1919 ended at 23:30, and the 31st began with 00:30.
        (
            "1919-03-31T04:40:00Z",
            {"cycle": "daily", "time_zone": "America/Toronto"},
            ("1919-03-30T05:00:00Z", "1919-03-31T05:00:00Z", "1919-03-30"),
        ),
        # In Newfoundland 7 November 2010 had begun for a minute when it became the 6th again.
        (
            "2010-11-07T03:00:00Z",
            {"cycle": "daily", "time_zone": "America/St_Johns"},
            ("2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z", "2010-11-07"),
        ),
    ],
)
def test_a_period_begins_with_the_first_instant_of_a_local_day(
    at: str, calendar: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert period(at, **calendar) == expected


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"anchor": 0}, "c: anchor: "),
        ({"anchor": 32}, "c: anchor: 32 is above 31: cycle is monthly"),
        ({"cycle": "weekly", "anchor": 8}, "c: anchor: 8 is above 7: cycle is weekly"),
        ({"cycle": "daily", "anchor": 2}, "c: anchor: 2 is above 1: cycle is daily"),
        ({"cycle": "yearly"}, "c: cycle: "),
        ({"anchor": "1"}, "c: anchor: "),
        ({"time_zone": "Mars/Base"}, "c: time_zone: .*not an IANA time zone"),
        ({"zone": "UTC"}, "c: zone: Extra inputs"),
    ],
)
def test_a_calendar_that_there_is_not_is_refused_with_its_field(
    content: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        validated(Calendar, "c", content)


def test_a_calendar_is_told_in_words() -> None:
    assert MONTHS.label == "monthly from day 1, UTC"
    assert Calendar(cycle="weekly", anchor=3).label == "weekly from weekday 3, UTC"
    assert Calendar(cycle="daily", time_zone="Asia/Kolkata").label == "daily, Asia/Kolkata"
