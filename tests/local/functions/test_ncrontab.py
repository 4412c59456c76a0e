"""NCRONTAB schedules: when they are due, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import DAY, MINUTE, SECOND, format_instant, parse_instant
from metering.local.functions.ncrontab import ScheduleInvalid, parse_schedule


def _next(schedule: str, after: str, count: int = 1) -> list[str]:
    due, found = parse_instant(after), []
    for _ in range(count):
        due = parse_schedule(schedule).after(due)
        found.append(format_instant(due))
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        ("0 */5 * * * *", "2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z"),
        ("0 */5 * * * *", "2026-03-01T12:04:59.999999Z", "2026-03-01T12:05:00Z"),
        ("0 */5 * * * *", "2026-03-01T23:58:00Z", "2026-03-02T00:00:00Z"),
        ("*/5 * * * *", "2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z"),
        ("* * * * * *", "2026-03-01T12:00:00.5Z", "2026-03-01T12:00:01Z"),
        ("0 15,45 * * * *", "2026-03-01T12:15:00Z", "2026-03-01T12:45:00Z"),
        ("0 30 8-10 * * *", "2026-03-01T10:30:00Z", "2026-03-02T08:30:00Z"),
        ("0 10-30/10 * * * *", "2026-03-01T12:20:00Z", "2026-03-01T12:30:00Z"),
        ("0 50/5 * * * *", "2026-03-01T12:00:00Z", "2026-03-01T12:50:00Z"),
        ("0 0 0 1 * *", "2026-12-15T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("0 0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
    ],
)
def test_the_next_due_instant_is_the_first_that_matches(
    schedule: str, after: str, due: str
) -> None:
    assert _next(schedule, after) == [due]


def test_days_of_the_week_count_from_sunday() -> None:
    # 1 March 2026 is a Sunday.
    assert _next("0 0 0 * * 0", "2026-02-26T00:00:00Z") == ["2026-03-01T00:00:00Z"]
    assert _next("0 0 0 * * 1-5", "2026-02-27T00:00:00Z") == ["2026-03-02T00:00:00Z"]


def test_a_day_must_suit_both_day_fields() -> None:
    # Fridays that are a 13th.
    assert _next("0 0 0 13 * 5", "2026-01-01T00:00:00Z", 2) == [
        "2026-02-13T00:00:00Z",
        "2026-03-13T00:00:00Z",
    ]


def test_a_due_instant_is_not_due_again() -> None:
    assert _next("0 0 * * * *", "2026-03-01T12:00:00Z", 2) == [
        "2026-03-01T13:00:00Z",
        "2026-03-01T14:00:00Z",
    ]


@given(st.integers(min_value=0, max_value=40_000 * DAY))
def test_every_second_minute_is_at_most_two_minutes_away(instant: int) -> None:
    due = parse_schedule("0 */2 * * * *").after(instant)
    assert 0 < due - instant <= 2 * MINUTE
    assert due % (2 * MINUTE) == 0
    assert due % SECOND == 0


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "* * * * * * *",
        "60 * * * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 * * 7",
        "0 0 0 * * MON",
        "0 10-5 * * * *",
        "0 */0 * * * *",
        "0 1, * * * *",
        "01:00:00",
    ],
)
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ScheduleInvalid):
        parse_schedule(schedule)


def test_a_schedule_that_never_comes_due_is_refused() -> None:
    with pytest.raises(ScheduleInvalid, match="never comes due"):
        parse_schedule("0 0 0 30 2 *")
