"""A tenant's calendars over time: no instant without a period, no name twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import DAY, HOUR, Instant, format_instant, parse_instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.calendars import Calendars, calendar_instant
from tests.core.calendars.test_calendar import calendars

DECEMBER = parse_instant("2026-12-01T00:00:00Z")
WEEKS = Calendar(cycle="weekly", time_zone="Europe/Berlin")
BERLIN = Calendar(time_zone="Europe/Berlin")


@st.composite
def histories(draw: st.DrawFn) -> Calendars:
    """Draw changes, each at the start of a period of the calendar before it."""
    made = Calendars()
    if draw(st.booleans()):
        made = made.plus(0, draw(calendars()))
    at = parse_instant("2026-01-15T12:00:00Z")
    for _ in range(draw(st.integers(0, 4))):
        start = made.period_at(at + draw(st.integers(0, 40 * DAY))).end
        made = made.plus(start, draw(calendars()))
        at = start
    return made


@given(histories())
def test_with_any_changes_every_instant_has_one_period_and_every_period_a_name_of_its_own(
    made: Calendars,
) -> None:
    at, names = parse_instant("2026-01-01T00:00:00Z"), set()
    while at < parse_instant("2026-09-01T00:00:00Z"):
        period = made.period_at(at)
        assert period.start <= at < period.end
        assert made.period_at(period.start) == made.period_at(period.end - 1) == period
        assert made.period_at(period.start - 1).end == period.start
        assert period.name not in names
        assert made.find(period.name) == made.find(format_instant(period.start)) == period
        names.add(period.name)
        at = period.end


def spans(made: Calendars, at: Instant, count: int) -> list[tuple[str, str]]:
    found = []
    for _ in range(count):
        period = made.period_at(at)
        found.append((format_instant(period.start), period.name))
        at = period.end
    return found


def test_a_period_that_a_change_cuts_is_named_after_its_start() -> None:
    # 2026-12-01 is a Tuesday: the rest of its week comes first.
    made = Calendars().plus(DECEMBER, WEEKS)
    assert spans(made, DECEMBER - 1, 3) == [
        ("2026-11-01T00:00:00Z", "2026-11"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("2026-12-06T23:00:00Z", "2026-12-07"),
    ]


def test_a_period_that_begins_with_its_calendar_keeps_its_name() -> None:
    days = Calendar(cycle="daily", time_zone="Europe/Berlin")
    made = Calendars().plus(0, BERLIN).plus(DECEMBER - HOUR, days)
    assert spans(made, DECEMBER - DAY, 2) == [
        ("2026-10-31T23:00:00Z", "2026-11"),
        ("2026-11-30T23:00:00Z", "2026-12-01"),
    ]


def test_a_date_that_comes_twice_further_west_names_one_period() -> None:
    # 30 November ends in Kiritimati when it begins in Honolulu, 24 hours behind.
    line = Calendar(cycle="daily", time_zone="Pacific/Kiritimati")
    start = parse_instant("2026-11-30T10:00:00Z")
    made = Calendars().plus(0, line).plus(start, Calendar(cycle="daily", time_zone="US/Hawaii"))
    assert spans(made, start - 1, 3) == [
        ("2026-11-29T10:00:00Z", "2026-11-30"),
        ("2026-11-30T10:00:00Z", "2026-11-30T10:00:00Z"),
        ("2026-12-01T10:00:00Z", "2026-12-01"),
    ]


def test_a_date_is_not_named_again_whichever_calendar_had_it() -> None:
    line = Calendar(cycle="daily", time_zone="Pacific/Kiritimati")
    west = parse_instant("2026-12-05T10:00:00Z")
    made = Calendars().plus(DECEMBER, line)
    made = made.plus(west, Calendar(cycle="daily", time_zone="US/Hawaii"))
    assert spans(made, west - 1, 2) == [
        ("2026-12-04T10:00:00Z", "2026-12-05"),
        ("2026-12-05T10:00:00Z", "2026-12-05T10:00:00Z"),
    ]


def test_the_calendar_in_force_is_told_with_its_span_and_the_later_record_wins() -> None:
    made = Calendars().plus(DECEMBER, WEEKS)
    assert made.at(DECEMBER - 1) == (Calendar(), 0, DECEMBER)
    assert made.at(DECEMBER)[:2] == (WEEKS, DECEMBER)
    assert made.plus(DECEMBER, BERLIN).at(DECEMBER)[0] == BERLIN
    assert made.starts == [0, DECEMBER]
    # What is dated before all time holds from the beginning.
    assert Calendars().plus(-DAY, WEEKS).at(-1)[:2] == (WEEKS, 0)


@pytest.mark.parametrize(
    "name", ["2026-11-23", "2026-11-01T00:00:01Z", "9999-12", "0001-01", "9999-12-31T00:00:00Z"]
)
def test_a_name_that_no_period_of_the_calendar_has_is_not_found(name: str) -> None:
    assert Calendars().find(name) is None


@pytest.mark.parametrize(
    "name", ["", "november", "2026", "2026-13", "2026-02-30", "26-11", "2026-11-01T00:00"]
)
def test_a_text_that_names_no_period_at_all_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a period: write it like 2026-11, 2026-11-23 or"):
        Calendars().find(name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1969-12-31T23:59:59Z", "is before 1970"),
        ("9998-12-01T00:00:00Z", "is too far in the future"),
        ("0001-01-01T00:00:00+23:59", "is outside the years 1 to 9999"),
    ],
)
def test_a_time_in_no_period_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        calendar_instant(text)


def test_a_time_in_a_period_is_taken() -> None:
    assert calendar_instant("1970-01-01T00:00:00Z") == 0
