"""Off-peak hours: by the clock on the wall, exact where the clocks change."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, MINUTE, Instant, format_instant, parse_instant
from metering.core.plans.off_peak import OffPeak, Segment, segment_at
from metering.core.plans.plan import ONE, read_plan

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def window(begins: str, ends: str, multiplier: str = "0.5", **days: list[str]) -> dict[str, Any]:
    return {"from": begins, "to": ends, "multiplier": multiplier, **days}


def off_peak(*windows: dict[str, Any], zone: str = "Europe/Berlin") -> OffPeak:
    content = {"id": "x", "off_peak": {"time_zone": zone, "windows": list(windows)}}
    found = read_plan("p.yaml", content).off_peak
    assert found is not None
    return found


def at(hours: OffPeak, time: str) -> tuple[int, str, str]:
    found = segment_at(hours, parse_instant(time))
    return found.multiplier, format_instant(found.start), format_instant(found.end)


NIGHT = off_peak(window("22:00", "06:00"))
HALF = 500_000


def test_a_window_across_midnight_is_one_segment() -> None:
    # Berlin is UTC+1 in November: 22:00 to 06:00 is 21:00Z to 05:00Z.
    night = (HALF, "2026-11-19T21:00:00Z", "2026-11-20T05:00:00Z")
    day = (ONE, "2026-11-20T05:00:00Z", "2026-11-20T21:00:00Z")
    assert at(NIGHT, "2026-11-19T20:59:59.999999Z")[0] == ONE
    assert at(NIGHT, "2026-11-19T21:00:00Z") == night
    assert at(NIGHT, "2026-11-20T00:30:00Z") == night
    assert at(NIGHT, "2026-11-20T04:59:59.999999Z") == night
    assert at(NIGHT, "2026-11-20T05:00:00Z") == day


def test_a_night_is_an_hour_shorter_or_longer_where_the_clocks_change() -> None:
    # 28 March 2027 02:00 becomes 03:00: 21:00Z to 04:00Z, seven hours.
    assert at(NIGHT, "2027-03-28T00:00:00Z") == (
        HALF,
        "2027-03-27T21:00:00Z",
        "2027-03-28T04:00:00Z",
    )
    # 25 October 2026 03:00 becomes 02:00: 20:00Z to 05:00Z, nine hours.
    assert at(NIGHT, "2026-10-25T00:00:00Z") == (
        HALF,
        "2026-10-24T20:00:00Z",
        "2026-10-25T05:00:00Z",
    )


def test_local_times_that_occur_twice_are_in_the_window_twice() -> None:
    hours = off_peak(window("02:15", "02:45"))
    spans = ["2026-10-25T00:20:00Z", "2026-10-25T00:50:00Z", "2026-10-25T01:20:00Z"]
    assert [at(hours, time) for time in spans] == [
        (HALF, "2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z"),
        (ONE, "2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z"),
        (HALF, "2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z"),
    ]


def test_local_times_that_never_are_have_no_window() -> None:
    hours = off_peak(window("02:15", "02:45"))
    # The half hour of the 27th ends at 01:45Z; that of the 28th does not exist.
    assert at(hours, "2027-03-28T01:00:00Z") == (
        ONE,
        "2027-03-27T01:45:00Z",
        "2027-03-29T00:15:00Z",
    )


def test_a_change_of_the_clocks_may_begin_or_end_a_window() -> None:
    # From 01:30 to 02:30: in spring it ends at 02:00 = 01:00Z; the next local time is 03:00.
    spring = at(off_peak(window("01:30", "02:30")), "2027-03-28T00:45:00Z")
    assert spring == (HALF, "2027-03-28T00:30:00Z", "2027-03-28T01:00:00Z")


def test_a_weekend_reaches_into_monday() -> None:
    hours = off_peak(
        window("00:00", "24:00", days=["sat"]), window("00:00", "03:00", days=["mon"]),
        window("00:00", "24:00", days=["sun"]), zone="UTC",
    )  # fmt: skip
    assert at(hours, "2026-11-22T12:00:00Z") == (
        HALF,
        "2026-11-21T00:00:00Z",
        "2026-11-23T03:00:00Z",
    )
    late = off_peak(window("22:00", "03:00", days=["sun"]), zone="UTC")
    assert at(late, "2026-11-23T01:00:00Z") == (
        HALF,
        "2026-11-22T22:00:00Z",
        "2026-11-23T03:00:00Z",
    )
    assert at(late, "2026-11-20T01:00:00Z") == (
        ONE,
        "2026-11-16T03:00:00Z",
        "2026-11-22T22:00:00Z",
    )


def test_a_day_named_twice_is_one_day() -> None:
    hours = off_peak(window("22:00", "24:00", days=["sun", "sun"]), zone="UTC")
    assert at(hours, "2026-11-22T23:00:00Z")[0] == HALF


@pytest.mark.parametrize(
    ("windows", "complaint"),
    [
        ([window("22:00", "06:00"), window("05:59", "07:00")], "windows.1: overlaps windows.0"),
        (
            [window("01:00", "02:00", days=["mon"]), window("23:00", "01:01", days=["sun"])],
            "windows.1: overlaps windows.0",
        ),
        ([window("06:00", "06:00")], "windows.0.to: equals from"),
        ([window("24:00", "06:00")], "windows.0.from: "),
        ([window("22:00", "24:01")], "windows.0.to: "),
        ([{**window("22:00", "06:00"), "from": 1320}], "windows.0.from: .*write it quoted"),
        ([window("22:00", "06:00", days=["Mon"])], "windows.0.days.0: "),
        ([window("22:00", "06:00", days=[])], "windows.0.days: "),
        ([window("22:00", "06:00", "-0.5")], "windows.0.multiplier: .*negative"),
        ([{**window("22:00", "06:00"), "multiplier": 0.5}], "windows.0.multiplier: .*quoted"),
        ([window("00:00", "24:00")], "windows: have one multiplier at all times"),
        ([window("22:00", "06:00", "1")], "windows: have one multiplier at all times"),
    ],
)
def test_faulty_windows_are_refused_with_their_place(
    windows: list[dict[str, Any]], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^p.yaml: off_peak.{complaint}"):
        off_peak(*windows)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "Europe"])
def test_a_time_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="off_peak.time_zone: .*not an IANA time zone"):
        off_peak(window("22:00", "06:00"), zone=zone)


def test_windows_may_touch() -> None:
    assert off_peak(window("22:00", "06:00"), window("06:00", "07:00", "0.7"))


#: Changes of the clocks: by an hour, by half an hour, at midnight, by a whole day, none.
ZONES = {
    "Europe/Berlin": "2026-10-25T01:00:00Z",
    "America/New_York": "2027-03-14T07:00:00Z",
    "Australia/Lord_Howe": "2026-10-03T15:30:00Z",
    "America/Santiago": "2026-09-06T04:00:00Z",
    "Pacific/Apia": "2011-12-30T10:00:00Z",
    "Asia/Kolkata": "2026-06-01T00:00:00Z",
}

zones = st.sampled_from(sorted(ZONES))
times = st.integers(0, 24 * 60 - 1)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def patterns(draw: st.DrawFn) -> tuple[OffPeak, dict[str, Any]]:
    """Draw one window or two that do not meet, on some days."""
    cuts = sorted(draw(st.sets(times, min_size=4, max_size=4)))
    days = draw(st.lists(st.sampled_from(DAYS), min_size=1, unique=True))
    pairs = draw(st.sampled_from([[(0, 1)], [(3, 0)], [(0, 1), (2, 3)]]))
    windows = [
        window(clock(cuts[first]), clock(cuts[last]), factor, days=days)
        for (first, last), factor in zip(pairs, ("0.5", "0.7"), strict=False)
    ]
    zone = draw(zones)
    return off_peak(*windows, zone=zone), {"zone": zone, "windows": windows, "days": days}


def naive(pattern: dict[str, Any], instant: Instant) -> int:
    """Say what the clock on the wall says, in the plainest way."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
    local = moment.astimezone(ZoneInfo(pattern["zone"]))
    today, now = DAYS[local.weekday()], f"{local:%H:%M}"
    yesterday = DAYS[local.weekday() - 1]
    for one in pattern["windows"]:
        begins, ends = one["from"], one["to"]
        if begins < ends:
            inside = today in pattern["days"] and begins <= now < ends
        else:
            inside = (today in pattern["days"] and begins <= now) or (
                yesterday in pattern["days"] and now < ends
            )
        if inside:
            return {"0.5": 500_000, "0.7": 700_000}[one["multiplier"]]
    return ONE


@given(patterns(), st.integers(-2 * DAY, 2 * DAY))
def test_every_instant_is_in_one_segment_that_says_what_the_clock_says(
    made: tuple[OffPeak, dict[str, Any]], away: int
) -> None:
    hours, pattern = made
    instant = parse_instant(ZONES[pattern["zone"]]) + away
    found = segment_at(hours, instant)
    assert found.start <= instant < found.end
    inside = {found.start, instant, found.end - 1, (found.start + instant) // 2}
    for other in inside:
        assert naive(pattern, other) == found.multiplier
        assert segment_at(hours, other) == found
    before, after = segment_at(hours, found.start - 1), segment_at(hours, found.end)
    assert (before.end, after.start) == (found.start, found.end)
    assert found.multiplier not in {before.multiplier, after.multiplier}


@given(patterns())
def test_around_a_change_of_the_clocks_no_minute_is_priced_wrong(
    made: tuple[OffPeak, dict[str, Any]],
) -> None:
    hours, pattern = made
    change = parse_instant(ZONES[pattern["zone"]])
    segment = Segment(0, 0, 0)
    for instant in range(change - 3 * HOUR, change + 3 * HOUR, 7 * MINUTE):
        if not segment.start <= instant < segment.end:
            segment = segment_at(hours, instant)
        assert segment.multiplier == naive(pattern, instant)
