"""Instants: integer microseconds, with a zone or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import ZoneMissingError, format_instant, parse_instant
from metering.core.calendars.periods import slot_of, slot_start


def test_digits_beyond_the_microsecond_are_cut_off() -> None:
    assert parse_instant("2023-11-16T18:15:46.6805909Z") == parse_instant(
        "2023-11-16T18:15:46.680590Z"
    )


def test_an_offset_names_the_same_instant_as_its_utc_form() -> None:
    assert parse_instant("2026-11-20T13:45:00+02:00") == parse_instant("2026-11-20T11:45:00Z")


def test_a_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(ZoneMissingError, match="no time zone"):
        parse_instant("2026-11-20T11:45:00")


def test_text_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        parse_instant("yesterday")


@given(st.integers(min_value=0, max_value=4 * 10**15))
def test_formatting_and_parsing_are_inverse(instant: int) -> None:
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize(
    ("time", "slot"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:09:59.999999Z", 0),
        ("1970-01-01T00:10:00Z", 1),
        ("1970-01-01T00:10:00.000001Z", 1),
    ],
)
def test_a_slot_is_ten_minutes_with_its_first_instant_and_without_its_last(
    time: str, slot: int
) -> None:
    assert slot_of(parse_instant(time)) == slot
    assert slot_start(slot) == slot * 600_000_000
