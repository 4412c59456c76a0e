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
    for text in ("2026-11-20T11:45:00", "2026-11-20"):
        with pytest.raises(ZoneMissingError, match="no time zone"):
            parse_instant(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-20t11:45:00z", "2026-11-20T11:45:00Z"),
        ("2026-11-20T11:45:00.5z", "2026-11-20T11:45:00.500000Z"),
        ("2026-11-20T11:45:00-00:00", "2026-11-20T11:45:00Z"),
        # A leap second belongs to the day and the period that it ends.
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
        ("2017-01-01T00:59:60.25+01:00", "2016-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_written_as_rfc_3339_allows(text: str, same: str) -> None:
    assert format_instant(parse_instant(text)) == format_instant(parse_instant(same))


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2026-W47-5T11:45:00Z",
        "20261120T114500Z",
        "2026-11-20T11:45:00,5Z",
        "2026-11-20T11:45:00+01:00:30",
        "2026-11-20T11:45:00+01",
        "2026-11-20T11:45:00+0100",
        "2026-11-20 11:45:00Z",
        "2026-11-20T11:45Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T11:45:61Z",
        "2026-11-20T11:45:00.Z",
        "2026-11-20T11:45:00+24:00",
        "2026-02-30T11:45:00Z",
        "2026-11-20T11:45:00Z\n",
        "\u0662026-11-20T11:45:00Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an RFC 3339 time"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01"])
def test_a_time_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is outside the years 1 to 9999"):
        parse_instant(text)


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
