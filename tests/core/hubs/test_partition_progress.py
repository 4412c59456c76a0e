"""The watermark that observations of a partition prove."""

from hypothesis import given
from hypothesis import strategies as st

from metering.core.calendars.dated import BEGINNING
from metering.core.hubs.partition_progress import Observation, Watermark, advance


def looked(*looks: Observation) -> Watermark:
    known = Watermark()
    for look in looks:
        known = advance(known, look)
    return known


def look(at: int, last: int, counted: int | None, *, is_empty: bool = False) -> Observation:
    return Observation(at, last, is_empty, counted)


def test_a_partition_read_to_its_end_is_counted_until_the_look() -> None:
    assert looked(look(100, 7, 7)) == Watermark(100)


def test_an_empty_partition_is_counted_until_the_look_whoever_read_it() -> None:
    assert looked(look(100, -1, None, is_empty=True)) == Watermark(100)
    assert looked(look(100, 7, None, is_empty=True)) == Watermark(100)
    assert looked(look(100, 7, 3, is_empty=True)) == Watermark(100)


def test_nobody_knows_how_far_a_partition_is_counted_that_has_events_and_no_checkpoint() -> None:
    assert looked(look(100, 7, None), look(200, 8, None)).until == BEGINNING


def test_a_partition_behind_is_counted_until_the_look_whose_end_has_been_reached() -> None:
    behind = looked(look(100, 7, 3))
    assert behind == Watermark(BEGINNING, 7, 100)
    assert advance(behind, look(200, 9, 6)) == Watermark(BEGINNING, 7, 100)
    assert advance(behind, look(200, 9, 7)) == Watermark(100, 9, 200)
    assert advance(behind, look(200, 9, 8)) == Watermark(100, 9, 200)
    assert advance(behind, look(200, 9, 9)) == Watermark(200)


def test_what_is_counted_once_stays_counted_when_traffic_comes_again() -> None:
    assert looked(look(100, 7, 7), look(200, 9, 7)) == Watermark(100, 9, 200)
    assert looked(look(100, -1, None, is_empty=True), look(200, 0, None)) == Watermark(100, 0, 200)


def test_a_checkpoint_beyond_the_end_is_that_of_another_hub_and_proves_nothing() -> None:
    assert looked(look(100, 7, 900)) == Watermark()
    assert looked(look(100, 7, 3), look(200, 9, 900)) == Watermark()
    # Made anew while nothing of the old one was counted: its target would never be reached.
    assert looked(look(100, 700, 3), look(200, 9, None)) == Watermark(BEGINNING, 9, 200)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=30))
def test_whatever_is_published_and_read_nothing_uncounted_is_older_than_is_said(
    steps: list[tuple[int, int, bool]],
) -> None:
    published: list[int] = []
    counted = 0
    known = Watermark()
    for step, (more, read, is_seen) in enumerate(steps):
        at = 10 * step
        published += [at + 1] * more
        counted = min(len(published), counted + read)
        if is_seen:
            # The clock was read before the last of them came.
            checkpoint = counted - 1 if counted else None
            known = advance(known, look(at, len(published) - 1, checkpoint, is_empty=not published))
        assert all(time >= known.until for time in published[counted:])
