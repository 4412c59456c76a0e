"""Windows of quotas: every instant of a period is in exactly one of each kind."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import Instant, parse_instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import month_of
from metering.core.calendars.windows import WindowKind, window_of

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
    "Pacific/Apia",
]
YEARS = st.integers(parse_instant("2010-01-01T00:00:00Z"), parse_instant("2028-01-01T00:00:00Z"))


def window(kind: WindowKind, at: str, zone: str) -> tuple[Instant, Instant]:
    instant = parse_instant(at)
    return tuple(window_of(kind, instant, zone, month_of(instant)))  # type: ignore[return-value]


@given(st.sampled_from(["period", "day", "hour"]), YEARS, st.sampled_from(ZONES))
def test_every_instant_is_in_exactly_one_window(kind: WindowKind, at: Instant, zone: str) -> None:
    period = month_of(at)
    found = window_of(kind, at, zone, period)
    assert period.start <= found.start <= at < found.end <= period.end
    for other in (found.start, found.end - 1):
        assert window_of(kind, other, zone, period) == found
    if found.end < period.end:
        assert window_of(kind, found.end, zone, period).start == found.end
    if found.start > period.start:
        assert window_of(kind, found.start - 1, zone, period).end == found.start


@given(st.sampled_from(["week", "quarter", "year"]), YEARS, st.sampled_from(ZONES), st.data())
def test_every_instant_is_in_exactly_one_long_window_of_any_calendar(
    kind: WindowKind, at: Instant, zone: str, data: st.DataObject
) -> None:
    cycle, last = data.draw(st.sampled_from([("monthly", 31), ("weekly", 7), ("daily", 1)]))
    written = {"cycle": cycle, "anchor": data.draw(st.integers(1, last)), "time_zone": zone}
    calendar = Calendar.model_validate(written)
    found = window_of(kind, at, "UTC", month_of(at), calendar)
    assert found.start <= at < found.end
    for other in (found.start, found.end - 1):
        assert window_of(kind, other, "UTC", month_of(other), calendar) == found
    assert window_of(kind, found.end, "UTC", month_of(at), calendar).start == found.end
    # No period is in two of them where the calendar has their cycle.
    if cycle == ("weekly" if kind == "week" else "monthly"):
        period = calendar.period_at(at)
        assert found.start <= period.start < period.end <= found.end


BERLIN = {"time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("kind", "calendar", "start", "end"),
    [
        # 2026-11-20 is a Friday. Berlin is an hour ahead, in summer two.
        ("week", BERLIN, "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"),
        ("week", {**BERLIN, "anchor": 15}, "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"),
        ("week", {"cycle": "weekly", "anchor": 6}, "2026-11-14T00:00:00Z", "2026-11-21T00:00:00Z"),
        ("quarter", BERLIN, "2026-09-30T22:00:00Z", "2026-12-31T23:00:00Z"),
        # The period that began on 31 October is the first of a quarter.
        ("quarter", {"anchor": 31}, "2026-10-31T00:00:00Z", "2027-01-31T00:00:00Z"),
        (
            "quarter",
            {"cycle": "weekly", "anchor": 3},
            "2026-10-01T00:00:00Z",
            "2027-01-01T00:00:00Z",
        ),
        ("year", {**BERLIN, "anchor": 15}, "2026-01-14T23:00:00Z", "2027-01-14T23:00:00Z"),
        ("year", {"cycle": "daily"}, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ],
)
def test_weeks_quarters_and_years_begin_where_the_tenants_periods_do(
    kind: WindowKind, calendar: dict[str, Any], start: str, end: str
) -> None:
    at = parse_instant("2026-11-20T11:45:00Z")
    found = window_of(kind, at, "Asia/Tokyo", month_of(at), Calendar.model_validate(calendar))
    assert found == (parse_instant(start), parse_instant(end))


@pytest.mark.parametrize(
    ("at", "start", "end"),
    [
        # The clocks go forward on 2026-03-29 and back on 2026-10-25.
        ("2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("2026-07-01T12:00:00Z", "2026-07-01T00:00:00Z", "2026-07-01T22:00:00Z"),
    ],
)
def test_a_day_is_one_of_the_zones_calendar_and_ends_with_its_period(
    at: str, start: str, end: str
) -> None:
    assert window("day", at, "Europe/Berlin") == (parse_instant(start), parse_instant(end))


@pytest.mark.parametrize(
    ("zone", "at", "start", "end"),
    [
        # Cairo has no midnight on 2026-04-24, Havana had one twice on 2026-11-01.
        ("Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
        # In Beirut the clock goes back from midnight to 23:00 on 2026-10-25.
        ("Asia/Beirut", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T22:00:00Z"),
        ("America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
    ],
)
def test_a_day_begins_with_its_first_instant_where_midnight_is_missing_or_comes_twice(
    zone: str, at: str, start: str, end: str
) -> None:
    assert window("day", at, zone) == (parse_instant(start), parse_instant(end))


def test_an_hour_is_one_of_the_zones_clock() -> None:
    assert window("hour", "2026-11-20T11:50:00Z", "Asia/Kathmandu") == (
        parse_instant("2026-11-20T11:15:00Z"),
        parse_instant("2026-11-20T12:15:00Z"),
    )
    # Lord Howe goes forward by half an hour at 02:00: what would be one hour is cut there.
    cut = window("hour", "2026-10-03T15:40:00Z", "Australia/Lord_Howe")
    assert cut == (parse_instant("2026-10-03T15:30:00Z"), parse_instant("2026-10-03T16:00:00Z"))
