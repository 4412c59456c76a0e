"""Spans of days."""

from metering.core.basics.instants import DAY, parse_instant
from metering.core.calendars.periods import ALL_DAYS, Days, day_at, days_between, parse_month

NOVEMBER = parse_month("2026-11")
START = parse_instant("2026-11-01T00:00:00Z")


def test_a_span_has_the_days_it_touches() -> None:
    assert days_between(START, START + 1) == Days("2026-11-01", "2026-11-02")
    assert days_between(START, START + DAY) == Days("2026-11-01", "2026-11-02")
    assert days_between(START - 1, START + DAY + 1) == Days("2026-10-31", "2026-11-03")
    assert day_at(START - 1) == "2026-10-31"


def test_a_day_is_in_a_span_from_the_first_on_and_before_the_end() -> None:
    days = Days("2026-11-01", "2026-11-03")
    names = ("2026-10-31", "2026-11-01", "2026-11-02", "2026-11-03")
    assert [name in days for name in names] == [False, True, True, False]
    assert "2026-11-01" in ALL_DAYS


def test_a_period_is_looked_at_if_any_of_its_days_is_in_the_span() -> None:
    assert Days("2026-11-30", "2026-12-31").overlap(NOVEMBER)
    assert Days("2026-10-01", "2026-11-02").overlap(NOVEMBER)
    assert not Days("2026-12-01", "2026-12-31").overlap(NOVEMBER)
    assert not Days("2026-10-01", "2026-11-01").overlap(NOVEMBER)
