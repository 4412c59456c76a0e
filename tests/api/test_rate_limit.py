"""Buckets of requests: so many at once, so many a second."""

from hypothesis import given
from hypothesis import strategies as st

from metering.api.limits import Bucket, take_token
from metering.core.basics.instants import SECOND


def test_a_new_caller_may_ask_as_often_as_the_burst_at_once() -> None:
    bucket: Bucket | None = None
    waits = []
    for _ in range(4):
        bucket, wait_s = take_token(bucket, 0, per_second=1, burst=3)
        waits.append(wait_s)
    assert waits == [0, 0, 0, 1]


def test_what_is_left_fills_at_the_rate_and_no_further_than_the_burst() -> None:
    empty = Bucket(0, 0)
    assert take_token(empty, SECOND // 2 - 1, per_second=2, burst=3)[1] == 1
    assert take_token(empty, SECOND // 2, per_second=2, burst=3) == (Bucket(0, SECOND // 2), 0)
    assert take_token(empty, 100 * SECOND, per_second=2, burst=3)[0].left == 2 * SECOND


def test_a_clock_that_was_set_back_adds_and_takes_nothing() -> None:
    assert take_token(Bucket(SECOND, 10 * SECOND), 0, per_second=1, burst=3) == (Bucket(0, 0), 0)


@given(st.lists(st.integers(0, 3 * SECOND), max_size=50), st.integers(1, 5), st.integers(1, 5))
def test_no_more_get_through_than_burst_and_rate_allow(
    pauses: list[int], rate: int, burst: int
) -> None:
    bucket: Bucket | None = None
    now = through = 0
    for pause in pauses:
        now += pause
        bucket, wait_s = take_token(bucket, now, rate, burst)
        through += not wait_s
    since_first = now - (pauses[0] if pauses else 0)
    assert through <= burst + since_first * rate / SECOND + 1e-6
