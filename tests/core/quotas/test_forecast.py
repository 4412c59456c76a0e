"""Forecasts: a straight line from the beginning of the window."""

import pytest

from metering.core.basics.instants import DAY, HOUR, parse_instant
from metering.core.calendars.windows import Window
from metering.core.plans.quota import Quota
from metering.core.quotas.decision import QuotaState
from metering.core.quotas.forecast import Trend, exhausted_at, trend

START = parse_instant("2026-11-20T00:00:00Z")
WINDOW = Window(START, START + DAY)


def state(used: int, limit: int = 100) -> QuotaState:
    written = {"metric": "tokens", "window": "day", "limit": str(limit)}
    return QuotaState(Quota.model_validate(written), WINDOW, used, limit)


def test_a_trend_goes_on_as_the_window_began() -> None:
    # 60 in 6 hours are 10 an hour and 240 a day
    assert trend(60, WINDOW, START + 6 * HOUR) == Trend(60, 10, 240)


def test_at_the_very_beginning_nothing_is_divided_by_nothing() -> None:
    assert trend(0, WINDOW, START) == Trend(0, 0, 0)


@pytest.mark.parametrize(
    ("used", "hours", "exhausted"),
    [
        # 50 in 6 hours: 100 after 12
        (50, 6, START + 12 * HOUR),
        # 25 in 6 hours: 100 at the end of the day, which is not in it any more
        (25, 6, None),
        (26, 6, START + 100 * 6 * HOUR // 26 + 1),
        (0, 6, None),
        (100, 6, START + 6 * HOUR),
        (170, 6, START + 6 * HOUR),
    ],
)
def test_a_quota_is_exhausted_when_the_line_meets_its_limit(
    used: int, hours: int, exhausted: int | None
) -> None:
    assert exhausted_at(state(used), START + hours * HOUR) == exhausted
