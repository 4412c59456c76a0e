"""The wait at the end of a batch: long after a small batch of a busy partition, else short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import SECOND
from metering.core.hubs.batch_wait import ENOUGH_EVENTS, LONGEST_WAIT, wait_after

#: Two seconds, in microseconds.
LONGEST = 2 * SECOND


@pytest.mark.parametrize(
    ("events", "seconds"),
    # 2 s less a 200th for each event
    [(1, 1.99), (20, 1.8), (100, 1.0), (199, 0.01), (200, 0), (201, 0), (1_000, 0)],
)
def test_it_falls_with_the_size_of_the_batch(events: int, seconds: float) -> None:
    assert wait_after(events, 0, LONGEST) == seconds * SECOND


@pytest.mark.parametrize(
    ("idle", "seconds"),
    [(None, 0), (0, 1.99), (SECOND - 1, 1.99), (SECOND, 0), (LONGEST_WAIT, 0)],
)
def test_a_partition_that_has_just_begun_or_was_idle_is_not_waited_for(
    idle: int | None, seconds: float
) -> None:
    assert wait_after(1, idle, LONGEST) == seconds * SECOND


@given(st.integers(1, 5_000), st.none() | st.integers(0, 10 * SECOND), st.integers(0, LONGEST_WAIT))
def test_it_is_never_negative_or_longer_than_allowed(
    events: int, idle: int | None, longest: int
) -> None:
    assert 0 <= wait_after(events, idle, longest) <= longest
    assert events < ENOUGH_EVENTS or wait_after(events, idle, longest) == 0
    assert wait_after(events, idle, 0) == 0
