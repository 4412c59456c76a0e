"""Questions about costs: which days, which names, and which time is the one before."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.calendars.periods import Days
from metering.core.costs.query import cost_query, days_before, period_of

NOVEMBER = Days("2026-11-01", "2026-12-01")


@pytest.mark.parametrize(
    ("days", "before"),
    [
        (NOVEMBER, Days("2026-10-01", "2026-11-01")),
        # The first quarter of 2026 comes after the last of 2025.
        (Days("2026-01-01", "2026-04-01"), Days("2025-10-01", "2026-01-01")),
        (Days("2026-11-09", "2026-11-16"), Days("2026-11-02", "2026-11-09")),
        # The first 29 days of November: those of October.
        (Days("2026-11-01", "2026-11-30"), Days("2026-10-01", "2026-10-30")),
        # The first 30 days of March: all 28 of February.
        (Days("2026-03-01", "2026-03-31"), Days("2026-02-01", "2026-03-01")),
        # From a first to the middle of a later month: as many days.
        (Days("2026-10-01", "2026-11-11"), Days("2026-08-21", "2026-10-01")),
    ],
)
def test_the_time_before_is_the_same_part_of_months_or_as_many_days(
    days: Days, before: Days
) -> None:
    assert days_before(days) == before
    assert cost_query(days, ("model",)).before().days == before


def test_a_week_begins_on_monday() -> None:
    assert period_of("week", "2026-11-22") == "2026-11-16"  # a Sunday
    assert period_of("week", "2026-11-23") == "2026-11-23"
    assert (period_of("day", "2026-11-22"), period_of("month", "2026-11-22")) == (
        "2026-11-22",
        "2026-11",
    )


def test_ledgers_are_read_by_what_is_asked_for_and_no_more() -> None:
    query = cost_query(NOVEMBER, ("tenant", "week", "model"), (("account", "eu-ai"),))
    assert query.read_by == ("day", "price", "model", "account")
    assert (query.names, query.is_series, query.is_of_whole_tenants) == (
        ("tenant", "model"),
        True,
        False,
    )


@pytest.mark.parametrize(
    ("days", "by", "only", "complaint"),
    [
        (NOVEMBER, ("agent",), (), "not 'agent'"),
        (NOVEMBER, ("model", "model"), (), "each once"),
        (NOVEMBER, ("day", "week"), (), "one of day, week and month"),
        (NOVEMBER, ("model",), (("end_user", "x"),), "not 'end_user'"),
        (Days("2026-11-01", "2026-11-01"), ("model",), (), "at least one day"),
        (Days("2024-01-01", "2026-11-01"), ("model",), (), "at most 732"),
        (Days("2026-11-31", "2026-12-01"), ("model",), (), "'2026-11-31' is not a day"),
    ],
)
def test_what_cannot_be_asked_is_named(
    days: Days, by: tuple[str, ...], only: tuple[tuple[str, str], ...], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        cost_query(days, by, only)
