"""Spikes: an hour that leaves the usual band is told once, and nothing before there is a band."""

import pytest
from pydantic_core import from_json

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, parse_instant
from metering.core.basics.money import parse_amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.effect import EffectKind, describe
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.plans.plan import read_plan
from metering.core.plans.spikes import USUAL, Hours, Spike, spiked, usual_before, with_spend
from metering.core.quotas.limit_change import change_from_head
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from tests.builders import rating, usage

START = parse_instant("2026-11-02T00:00:00Z")
LEDGER = LedgerId("acme", parse_instant("2026-11-01T00:00:00Z"))
ONE = parse_amount("1")


def hours(*amounts: int) -> Hours:
    return Hours(tuple((START + number * HOUR, amount) for number, amount in enumerate(amounts)))


@pytest.mark.parametrize(
    ("latest", "is_told"), [(3 * ONE, False), (3 * ONE + 1, True), (100 * ONE, True)]
)
def test_an_hour_above_three_times_the_usual_is_told(latest: int, *, is_told: bool) -> None:
    found = spiked(hours(*[ONE] * 24, latest), Spike())
    assert (found.told == START + 24 * HOUR) == is_told


def test_with_few_hours_nothing_is_usual_yet() -> None:
    assert usual_before(hours(*[ONE] * 23, 9 * ONE)) is None
    assert spiked(hours(*[ONE] * 23, 9 * ONE), Spike()).told == -1
    assert usual_before(hours(*[ONE] * 24, 9 * ONE)) == ONE


def test_hours_without_spend_are_not_usual_ones() -> None:
    assert usual_before(hours(*[0, ONE] * 23, ONE)) is None


def test_small_sums_jump_about_and_nobody_is_told() -> None:
    small = hours(*[ONE // 100] * 24, ONE - 1)
    assert spiked(small, Spike()).told == -1
    assert spiked(small, Spike(least="0.5")).told > 0


def test_the_middle_of_the_usual_hours_counts_and_not_their_mean() -> None:
    assert usual_before(hours(*[ONE] * 20, *[50 * ONE] * 5, ONE)) == ONE


def test_an_hour_is_told_once() -> None:
    first = spiked(hours(*[ONE] * 24, 9 * ONE), Spike())
    more = with_spend(first, [(START + 24 * HOUR, ONE)])
    assert spiked(more, Spike()) == more


def test_late_spend_counts_where_it_was_made_and_old_hours_are_dropped() -> None:
    found = with_spend(hours(ONE, ONE), [(START + 5, ONE), (START + USUAL + HOUR, ONE)])
    assert found.amounts == ((START + HOUR, ONE), (START + USUAL + HOUR, ONE))
    assert with_spend(Hours(), []) == Hours()


@pytest.mark.parametrize(
    ("spike", "place"),
    [
        ({"factor": "1"}, "spike.factor"),
        ({"factor": 3.0}, "spike.factor"),
        ({"least": "-1"}, "spike.least"),
    ],
)
def test_what_is_no_band_is_refused_with_its_place(spike: dict[str, object], place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        read_plan("p", {"id": "p", "spike": spike})


def test_a_spike_is_an_effect_of_the_commit_that_made_it() -> None:
    head, told = Head(LEDGER), list[str]()
    change: LimitChange | None = LimitChange(Limits("UTC", (), Spike(least="0.01")))
    for number in range(27):
        # 0.0035 an hour; ten times that in the 25th and, in two commits, the 26th.
        tokens = {"input": 1000, "output": 100 if number < 24 else 5000}
        asked = usage(str(number), time=START + min(number, 25) * HOUR, buckets=from_names(tokens))
        now = START + DAY + number * HOUR
        # An estimate is no spend.
        held = asked._replace(key=("t", "s", f"h-{number}"), evidence=Evidence.HELD)
        commit = plan_commit(head, {}, [asked, held], rating(), now, change=change)
        told.extend(describe(one) for one in commit.effects if one.kind is EffectKind.SPIKE)
        head, change = commit.head, None
    # 1,000 x 2.5 + 5,000 x 10 a million
    came = "came to 0.0525; 0.0035 is usual"
    assert told == [
        f"{LEDGER}: the hour from 2026-11-03T00:00:00Z {came}",
        f"{LEDGER}: the hour from 2026-11-03T01:00:00Z {came}",
    ]
    assert read_head(from_json(write_head(head)), LEDGER) == head
    off = change_from_head(head, Limits(), START + 3 * DAY)
    assert off is not None
