"""Spikes by hour of the week: a rhythm is usual, what breaks it is told within the hour."""

from random import Random

import pytest

from metering.core.basics.instants import DAY, HOUR, parse_instant
from metering.core.plans.spikes import (
    KEPT,
    NO_HOURS,
    Hours,
    Spike,
    spiked,
    usual_before,
    with_spend,
)

ZONE = "Europe/Berlin"
#: A Monday, midnight in Berlin; summer time ended on 25 October.
MONDAY = parse_instant("2026-11-01T23:00:00Z")
#: The spend of one request, a hundredth of a currency unit; of an alarm, ten cents at least.
REQUEST = 10**16
RULE = Spike(least="0.1")


def rhythm(hour: int, random: Random | None = None) -> int:
    """Return the requests of an hour: 100 by day and 10 by night, spread as by chance or not."""
    mean = 100 if 8 <= hour % 24 < 20 else 10
    return mean if random is None else sum(random.random() < mean / 1_000 for _ in range(1_000))


def told(spends: dict[int, int], start: int = MONDAY) -> list[int]:
    """Return the numbers of the hours that are told, each as soon as its spend is there."""
    hours, found = NO_HOURS, []
    for number, requests in sorted(spends.items()):
        hours = with_spend(hours, [(start + number * HOUR, requests * REQUEST)], KEPT)
        after = spiked(hours, RULE, ZONE)
        if after.told != hours.told:
            found.append(number)
        hours = after
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_rhythm_of_day_and_night_is_no_alarm_and_a_fourfold_night_hour_is_told(
    seed: int,
) -> None:
    random = Random(seed)  # noqa: S311, traffic of a test
    spends = {hour: rhythm(hour, random) for hour in range(35 * 24)}
    assert told(spends) == []
    night = 14 * 24 + 3
    until_then = {hour: spends[hour] for hour in range(night)}
    assert told({**until_then, night: 50}) == [night]
    assert told({hour: rhythm(hour) for hour in range(night)} | {night: 40}) == [night]


def test_a_nightly_job_is_told_in_its_first_week_and_no_more() -> None:
    spends = {hour: rhythm(hour) for hour in range(35 * 24)}
    jobs = [day * 24 + 3 for day in range(14, 35)]
    assert told(spends | dict.fromkeys(jobs, 400)) == jobs[:7]


def test_a_job_that_grows_beyond_the_factor_is_told_again() -> None:
    spends = {hour: rhythm(hour) for hour in range(22 * 24)}
    first, second = 14 * 24 + 3, 21 * 24 + 3
    assert told(spends | {first: 400, second: 1_200}) == [first]
    assert told(spends | {first: 400, second: 1_201}) == [first, second]


def test_before_a_week_is_known_nothing_is_told() -> None:
    spends = {hour: rhythm(hour) for hour in range(8 * 24)}
    assert told(spends | {6 * 24 + 3: 4_000}) == []
    assert told(spends | {7 * 24 + 3: 4_000}) == [7 * 24 + 3]


def test_where_the_hour_is_usually_quiet_all_hours_with_spend_are_the_usual() -> None:
    by_day = {hour: 100 for hour in range(14 * 24) if 8 <= hour % 24 < 20}
    night = 13 * 24 + 3
    assert told(by_day | {night: 300}) == []
    assert told(by_day | {night: 301}) == [night]


def test_local_time_keeps_its_hours_over_a_change_of_the_clock() -> None:
    # 5 October, midnight; on the 25th, after 20 days and 3 hours, the clock goes back an hour.
    start = parse_instant("2026-10-04T22:00:00Z")
    spends = {hour: rhythm(hour) for hour in range(20 * 24 + 3)}
    spends |= {hour: rhythm(hour - 1) for hour in range(20 * 24 + 3, 28 * 24)}
    assert told(spends, start) == []


def test_the_usual_of_an_hour_is_the_median_around_it() -> None:
    weeks = [(MONDAY + hour * HOUR, rhythm(hour) * REQUEST) for hour in range(14 * 24 + 8)]
    # At 07:00, of 05:00 to 09:00 three are night hours; at 08:00, of 06:00 to 10:00 two.
    hours = with_spend(NO_HOURS, weeks, KEPT)
    assert usual_before(hours, ZONE) == 10 * REQUEST
    later = with_spend(hours, [(MONDAY + (14 * 24 + 8) * HOUR, REQUEST)], KEPT)
    assert usual_before(later, ZONE) == 100 * REQUEST
    assert usual_before(Hours(((MONDAY, 0), (MONDAY + 8 * DAY, 1))), ZONE) is None
