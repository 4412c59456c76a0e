"""Projections go by the rhythm of the tenant's own weeks, and else in a straight line."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import DAY, HOUR, MINUTE, Instant, parse_instant
from metering.core.calendars.windows import Window
from metering.core.ledger.projection import Ahead, Rhythm, foreseen
from metering.core.ledger.projection import projected as projected_with
from metering.core.plans.quota import Quota
from metering.core.plans.spikes import NO_HOURS, Hours
from metering.core.plans.week import WEEK

#: A Monday, midnight in UTC.
MONDAY = parse_instant("2026-06-01T00:00:00Z")
MONTH = Window(MONDAY, MONDAY + 28 * DAY)
SPEND = Quota.model_validate({"metric": "amount", "window": "period", "limit": "1"})
TOKENS = Quota.model_validate({"metric": "tokens", "window": "period", "limit": "1"})


def rhythm(*amounts: int, until: Instant = MONDAY, zone: str = "UTC") -> Rhythm | None:
    """Return the rhythm after hours of these amounts, the last one before `until`."""
    first = until - len(amounts) * HOUR
    known = ((first + number * HOUR, amount) for number, amount in enumerate(amounts))
    return Rhythm.of(Hours(tuple(known)), zone, until)


def ahead_of(found: Rhythm | None, window: Window) -> Ahead | None:
    return None if found is None else found.ahead(window)


def projected(used: int, window: Window, at: Instant, found: Rhythm | None, *, spend: bool) -> int:
    return projected_with(used, window, at, ahead_of(found, window), spend=spend)


def weeks(*levels: int) -> list[int]:
    return [level for level in levels for _ in range(7 * 24)]


def rest(found: Rhythm | None, end: Instant) -> int:
    assert found is not None
    return int(found.until(end))


def test_an_even_spend_goes_on_in_the_straight_line() -> None:
    at = MONDAY + 3 * DAY
    found = rhythm(*[5] * (21 * 24), until=at)
    # 72 hours of 5, and 28 days of 24.
    assert projected(360, MONTH, at, None, spend=True) == 28 * 24 * 5
    assert projected(360, MONTH, at, found, spend=True) == 28 * 24 * 5
    assert projected(7_200, MONTH, at, found, spend=False) == 28 * 24 * 100


def test_a_weekend_is_not_the_rate_of_the_working_days_before_it() -> None:
    # 10 an hour from Monday to Friday and nothing at the weekend; it is Saturday.
    week = [10] * (5 * 24) + [0] * (2 * 24)
    at = MONDAY + 5 * DAY
    found = rhythm(*week, *week[: 5 * 24], until=at)
    assert rest(found, at + 2 * DAY) == 0
    assert rest(found, at + 2 * DAY + 3 * HOUR + 30 * MINUTE) == 35
    assert rest(found, MONTH.end) == 3 * 5 * 24 * 10
    # A straight line from the start of the month: 1,200 in 5 of 28 days.
    assert projected(1_200, MONTH, at, None, spend=True) == 6_720
    assert projected(1_200, MONTH, at, found, spend=True) == 4_800


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        # The mean of two weeks.
        ((4, 8), (6, 6, 6, 6, 6, 6)),
        # 2 and 3 times: twice a week, and four times at most.
        ((1, 2, 6), (12, 24, 48, 96, 96, 96)),
        # More than twice goes on as twice.
        ((1, 3, 9), (18, 36, 72, 144, 144, 144)),
        # Half and a quarter: the smaller change is half.
        ((64, 32, 8), (4, 2, 1, 0, 0, 0)),
        # Up and down, or not at all at some time, is no growth.
        ((4, 8, 6), (7, 7, 7, 7, 7, 7)),
        ((0, 4, 8), (6, 6, 6, 6, 6, 6)),
        ((4, 4, 8), (6, 6, 6, 6, 6, 6)),
    ],
)
def test_what_rises_each_week_goes_on_by_the_smallest_change(
    levels: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    found = rhythm(*weeks(*levels))
    ends = [MONDAY + number * WEEK for number in range(7)]
    sums = [rest(found, end) for end in ends]
    hourly = [(later - earlier) // 168 for earlier, later in pairwise(sums)]
    assert tuple(hourly) == expected


def test_less_than_a_week_is_repeated_by_the_day() -> None:
    # Two days: 24 at noon, then 12 at noon; the mean is 18.
    day = [0] * 24
    first, second = day.copy(), day.copy()
    first[0], first[12], second[12] = 1, 23, 12
    found = rhythm(*first, *second)
    assert rest(found, MONDAY + 12 * HOUR) == 0
    assert rest(found, MONDAY + 13 * HOUR) == 18
    assert rest(found, MONDAY + 10 * DAY) == 180


def test_less_than_a_day_is_no_rhythm() -> None:
    assert rhythm(*[1] * 24) is not None
    assert rhythm(*[1] * 23) is None
    assert Rhythm.of(NO_HOURS, "UTC", MONDAY) is None


def test_local_hours_stay_where_they_are_when_the_clock_changes() -> None:
    # On Sunday, 25 October, the clock goes back: 12:00 in Berlin was 10:00 and is 11:00 in UTC.
    start = parse_instant("2026-10-19T00:00:00Z")
    amounts = [100 if hour % 24 == 10 else 1 for hour in range(5 * 24, 12 * 24)]
    found = rhythm(*amounts, until=start + 5 * DAY, zone="Europe/Berlin")
    sunday = start + 6 * DAY
    assert found is not None
    assert rest(found, sunday + 12 * HOUR) - rest(found, sunday + 11 * HOUR) == 100


def test_a_week_before_which_nothing_is_known_begins_an_hour_later_in_winter() -> None:
    # Exactly a week is known, 168 hours of 5; its first local hour is that before them.
    until = parse_instant("2026-10-26T12:00:00Z")
    found = rhythm(*[5] * (7 * 24), until=until, zone="Europe/Berlin")
    assert rest(found, until + HOUR) == 0
    assert rest(found, until + 2 * HOUR) == 5


def test_other_usage_goes_on_at_its_share_of_the_spend() -> None:
    # Of 12 hours, half with spend of 10: 1,000 tokens for 60, and in the next 12 hours 120.
    day = [10, 0] * 6 + [10] * 12
    at = MONDAY + 12 * HOUR
    found = rhythm(*day, *day, *day[:12], until=at)
    window = Window(MONDAY, MONDAY + DAY)
    assert projected(1_000, window, at, found, spend=False) == 3_000
    # Without any spend in the window a line is all there is.
    quiet = rhythm(*[10] * 24, *[0] * 12, until=at)
    assert projected(1_000, window, at, quiet, spend=False) == 2_000


def test_the_part_of_a_window_whose_hours_are_not_known_counts_in_proportion() -> None:
    # Two of four days are known, 48 hours of 5: 480 in all, with 960 tokens; 24 days are left.
    at = MONDAY + 4 * DAY
    found = rhythm(*[5] * 48, until=at)
    assert projected(960, MONTH, at, found, spend=False) == 960 + 24 * 24 * 10


def test_before_a_tenth_of_a_window_only_the_rhythm_of_all_spend_tells_its_end() -> None:
    at = MONDAY + DAY
    found = rhythm(*[5] * (8 * 24), until=at)
    assert foreseen(SPEND, 120, MONTH, at, ahead_of(found, MONTH)) == 28 * 24 * 5
    assert foreseen(SPEND, 120, MONTH, at, None) == 120
    assert foreseen(TOKENS, 120, MONTH, at, ahead_of(found, MONTH)) == 120
    assert foreseen(SPEND, 120, MONTH, MONTH.end, ahead_of(found, MONTH)) == 120
    assert foreseen(TOKENS, 300, MONTH, MONDAY + 3 * DAY, None) == 2_800


_AMOUNTS = st.lists(st.integers(-(10**18), 10**20), max_size=5 * 7 * 24)


@given(
    amounts=_AMOUNTS,
    used=st.integers(-(10**18), 10**22),
    more=st.integers(0, 10**22),
    minutes=st.integers(0, 28 * 24 * 60),
    later=st.integers(0, 60 * DAY),
    spend=st.booleans(),
)
def test_a_projection_is_at_least_what_is_used_and_rises_with_it_and_with_time(
    amounts: list[int], used: int, more: int, minutes: int, later: int, *, spend: bool
) -> None:
    at = MONDAY + minutes * MINUTE
    known = tuple((at - at % HOUR - n * HOUR, one) for n, one in enumerate(amounts, 1))
    found = Rhythm.of(Hours(known[::-1]), "UTC", at)
    end = projected(used, MONTH, at, found, spend=spend)
    assert end >= used
    assert projected(used + more, MONTH, at, found, spend=spend) >= end
    if found is None:
        assert end == projected(used, MONTH, at, None, spend=spend)
    else:
        assert found.until(MONTH.end + later) >= found.until(MONTH.end) >= 0


@given(an_hour=st.integers(1, 10**20), days=st.integers(1, 40), into=st.integers(1, 28 * 24))
def test_without_a_rhythm_in_the_hours_the_projection_is_the_straight_line(
    an_hour: int, days: int, into: int
) -> None:
    at = MONDAY + into * HOUR
    found = rhythm(*[an_hour] * (days * 24), until=at)
    line = projected(into * an_hour, MONTH, at, None, spend=True)
    assert projected(into * an_hour, MONTH, at, found, spend=True) == line
    assert projected(into * 7, MONTH, at, found, spend=False) == 28 * 24 * 7


def test_an_hour_that_corrections_made_negative_expects_no_negative_spend() -> None:
    found = rhythm(5, *[0] * 11, -100, *[0] * 11)
    assert rest(found, MONDAY + DAY) == 5
