"""What looks at a partition prove."""

from hypothesis import given
from hypothesis import strategies as st

from metering.core.calendars.dated import BEGINNING
from metering.core.hubs.partition_progress import Known, Look, after_look


def looked(*looks: Look) -> Known:
    known = Known()
    for look in looks:
        known = after_look(known, look)
    return known


def look(at: int, last: int, counted: int | None, *, is_empty: bool = False) -> Look:
    return Look(at, last, is_empty, counted)


def test_a_partition_read_to_its_end_is_counted_until_the_look() -> None:
    assert looked(look(100, 7, 7)) == Known(100)


def test_an_empty_partition_is_counted_until_the_look_whoever_read_it() -> None:
    assert looked(look(100, -1, None, is_empty=True)) == Known(100)
    assert looked(look(100, 7, None, is_empty=True)) == Known(100)
    assert looked(look(100, 7, 3, is_empty=True)) == Known(100)


def test_nobody_knows_how_far_a_partition_is_counted_that_has_events_and_no_checkpoint() -> None:
    assert looked(look(100, 7, None), look(200, 8, None)).until == BEGINNING


def test_a_partition_behind_is_counted_until_the_look_whose_end_has_been_reached() -> None:
    behind = looked(look(100, 7, 3))
    assert behind == Known(BEGINNING, 7, 100)
    assert after_look(behind, look(200, 9, 6)) == Known(BEGINNING, 7, 100)
    assert after_look(behind, look(200, 9, 7)) == Known(100, 9, 200)
    assert after_look(behind, look(200, 9, 8)) == Known(100, 9, 200)
    assert after_look(behind, look(200, 9, 9)) == Known(200)


def test_what_is_counted_once_stays_counted_when_traffic_comes_again() -> None:
    assert looked(look(100, 7, 7), look(200, 9, 7)) == Known(100, 9, 200)
    assert looked(look(100, -1, None, is_empty=True), look(200, 0, None)) == Known(100, 0, 200)


def test_a_checkpoint_beyond_the_end_is_that_of_another_hub_and_proves_nothing() -> None:
    assert looked(look(100, 7, 900)) == Known()
    assert looked(look(100, 7, 3), look(200, 9, 900)) == Known()
    # Made anew while nothing of the old one was counted: its target would never be reached.
    assert looked(look(100, 700, 3), look(200, 9, None)) == Known(BEGINNING, 9, 200)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=30))
def test_whatever_is_published_and_read_nothing_uncounted_is_older_than_is_said(
    steps: list[tuple[int, int, bool]],
) -> None:
    published: list[int] = []
    counted = 0
    known = Known()
    for step, (more, read, is_seen) in enumerate(steps):
        at = 10 * step
        published += [at + 1] * more
        counted = min(len(published), counted + read)
        if is_seen:
            # The clock was read before the last of them came.
            checkpoint = counted - 1 if counted else None
            known = after_look(
                known, look(at, len(published) - 1, checkpoint, is_empty=not published)
            )
        assert all(time >= known.until for time in published[counted:])
