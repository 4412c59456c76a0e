"""Schedules of exports, and the hours, days, weeks and months that they are about."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import parse_instant
from metering.core.exports.windows import (
    Every,
    Scheduled,
    read_schedule,
    span_window,
    windows_ended,
)

KINDS = {"chargeback", "focus"}


def names(every: Every, at: str, count: int) -> list[str]:
    return [window.name for window in windows_ended(every, parse_instant(at), count)]


def test_a_schedule_names_reports_and_how_often() -> None:
    assert read_schedule(" chargeback = daily,focus=monthly,chargeback=hourly,", KINDS) == (
        Scheduled("chargeback", "daily"),
        Scheduled("focus", "monthly"),
        Scheduled("chargeback", "hourly"),
    )
    assert read_schedule("focus @ acme=weekly, focus=weekly", KINDS) == (
        Scheduled("focus", "weekly", "acme"),
        Scheduled("focus", "weekly"),
    )
    in_parquet = read_schedule("focus=daily:parquet, focus@a=daily : csv", KINDS)
    assert in_parquet == (
        Scheduled("focus", "daily", None, "parquet"),
        Scheduled("focus", "daily", "a", "csv"),
    )
    assert [str(one) for one in in_parquet] == ["focus=daily:parquet", "focus@a=daily"]
    (open_one,) = read_schedule("focus=daily:provisional:parquet", KINDS)
    assert open_one == Scheduled("focus", "daily", None, "parquet", is_provisional=True)
    assert str(open_one) == "focus=daily:parquet:provisional"
    assert read_schedule("", KINDS) == ()


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("chargeback", "'chargeback' is none of REPORT=hourly, REPORT=daily, REPORT=w"),
        ("chargeback=daily,focus=yearly", "'focus=yearly' is none of REPORT=hourly"),
        ("invoices=daily", "'invoices=daily': unknown report 'invoices': chargeback, focus"),
        ("focus=daily,focus=daily", "'focus=daily' is listed twice"),
        ("focus@a=daily,focus@a=daily", "'focus@a=daily' is listed twice"),
        ("focus=daily:xls", "'focus=daily:xls': unknown option 'xls': csv, parquet, prov"),
        ("focus=daily:csv:parquet", "'focus=daily:csv:parquet': one format at most"),
        ("focus=daily:provisional:provisional", "'focus=daily:provisional:provisional': one form"),
        ("focus@=daily", "'focus@=daily': no tenant after '@'"),
    ],
)
def test_what_is_no_schedule_names_the_setting_and_the_part(text: str, about: str) -> None:
    with pytest.raises(ConfigurationError, match=f"METERING_EXPORT_SCHEDULE: {about}"):
        read_schedule(text, KINDS)


def test_windows_are_those_that_have_ended() -> None:
    assert names("hourly", "2026-11-20T00:59:59Z", 2) == ["2026-11-19T22Z", "2026-11-19T23Z"]
    assert names("hourly", "2026-11-20T01:00:00Z", 1) == ["2026-11-20T00Z"]
    assert names("daily", "2026-03-01T00:00:00Z", 2) == ["2026-02-27Z", "2026-02-28Z"]
    assert names("monthly", "2027-01-31T12:00:00Z", 2) == ["2026-11Z", "2026-12Z"]
    assert names("daily", "2026-03-01T00:00:00Z", 0) == []
    # 2026-12-28 is a Monday: its week is the 53rd of 2026 and ends on 2027-01-03.
    assert names("weekly", "2027-01-03T23:59:59Z", 1) == ["2026-W52Z"]
    assert names("weekly", "2027-01-04T00:00:00Z", 2) == ["2026-W52Z", "2026-W53Z"]
    (week,) = windows_ended("weekly", parse_instant("2027-01-04T00:00:00Z"), 1)
    assert week.span == tuple(
        parse_instant(f"{day}T00:00:00Z") for day in ("2026-12-28", "2027-01-04")
    )


@given(
    st.sampled_from(["hourly", "daily", "weekly", "monthly"]),
    st.integers(0, 2**51),
    st.integers(1, 5),
)
def test_windows_follow_each_other_without_gap_up_to_the_instant(
    every: Every, at: int, count: int
) -> None:
    windows = windows_ended(every, at + 200 * 86_400 * 10**6, count)
    spans = [window.span for window in windows if window.span is not None]
    assert len(spans) == count
    assert all(one[1] == following[0] for one, following in pairwise(spans))
    assert all(start < end for start, end in spans)


def test_any_span_is_a_window_if_it_has_a_length() -> None:
    start, end = parse_instant("2026-11-20T11:30:00Z"), parse_instant("2026-11-21T00:00:00.5Z")
    window = span_window(start, end)
    assert window == ("20261120T113000Z--20261121T000000.500000Z", (start, end))
    with pytest.raises(ConfigurationError, match="ends before it begins"):
        span_window(end, end)
