"""What the points of a run add up to, whatever their order, repeats, resets and gaps."""

import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.aggregates.point import SPAN, Figure, Point, Run, Series
from metering.core.aggregates.span import MAX_INTERVALS, MAX_STARTS, Span
from metering.core.aggregates.span_document import read_span, write_span
from metering.core.basics.errors import NewerVersionError, RetryableError
from metering.core.basics.instants import MINUTE, Instant, parse_instant

START = parse_instant("2026-11-20T11:00:00Z")
FIRST = START // SPAN
SERIES = Series("gateway", "key-1", "gpt-4o", "gpt-4o-2024-11-20", "chat", "azure", "")
DELTA = Run(SERIES, is_cumulative=False)
COUNTER = Run(SERIES, is_cumulative=True)
#: In place of the start of a counter.
UNKNOWN = 0


def at(minutes: float) -> Instant:
    return START + round(minutes * MINUTE)


def delta(begin: float, end: float, value: int, figure: Figure = Figure.PROMPT) -> Point:
    return Point(DELTA, figure, at(begin), at(end), value)


def total(end: float, value: int, start: Instant = START, figure: Figure = Figure.PROMPT) -> Point:
    return Point(COUNTER, figure, start, at(end), value)


class Spans:
    """Spans of one run as a store keeps them: each follows on from the one before it."""

    def __init__(self) -> None:
        self.kept: dict[int, Span] = {}

    def take(self, points: Iterable[Point]) -> None:
        for point in points:
            number = point.span
            before = [self.kept[one] for one in sorted(self.kept) if one < number]
            later = [one for one in sorted(self.kept) if one > number]
            base = before[-1].last if before and point.run.is_cumulative else {}
            known = self.kept.get(number, Span(point.run, number, base=base))
            span, _ = known.with_points([point])
            if span.says_nothing:
                continue
            self.kept[number] = span
            if later and point.run.is_cumulative:
                self.kept[later[0]] = self.kept[later[0]].after(span.last)

    @property
    def used(self) -> list[int]:
        return [self.kept[one].usage.get(Figure.PROMPT, 0) for one in sorted(self.kept)]


def used(points: Sequence[Point]) -> list[int]:
    spans = Spans()
    spans.take(points)
    return spans.used


def test_deltas_are_summed_within_a_quarter_of_an_hour_and_repeats_are_not() -> None:
    points = [delta(0, 1, 10), delta(1, 2, 5), delta(0, 1, 10), delta(14, 15, 1), delta(15, 16, 7)]
    # 10 + 5 + 1 end by 11:15, the last begins there.
    assert used(points) == [16, 7]


def test_a_counter_that_grows_counts_its_growth_from_its_start_on() -> None:
    assert used([total(1, 10), total(2, 30), total(15, 30), total(16, 45)]) == [30, 15]


def test_what_happened_in_a_gap_belongs_to_the_span_of_the_next_point() -> None:
    assert used([total(1, 10), total(47, 100)]) == [10, 90]
    spans = Spans()
    spans.take([total(1, 10), total(47, 100), total(20, 60)])
    assert spans.used == [10, 50, 40]


def test_a_counter_without_a_start_counts_from_its_first_value_and_across_resets() -> None:
    points = [total(1, 500, UNKNOWN), total(2, 510, UNKNOWN), total(3, 4, UNKNOWN)]
    # 10 more, then begun anew with 4.
    assert used(points) == [14]
    assert used([*points, total(16, 9, UNKNOWN)]) == [14, 5]


def test_a_value_below_the_last_one_under_the_same_start_counts_nothing() -> None:
    assert used([total(1, 10), total(2, 8), total(3, 12)]) == [12]


def test_another_start_is_a_counter_that_begins_at_zero() -> None:
    assert DELTA.id != COUNTER.id
    begun = [total(1, 10), total(6, 4, at(5)), total(2, 11), total(17, 6, at(5))]
    # 11 and 4, then 2 more of the second.
    assert used(begun) == [15, 2]


def test_figures_of_one_series_may_have_starts_of_their_own() -> None:
    points = [total(1, 10), total(1, 3, at(0.5), Figure.COMPLETION)]
    span, _ = Span(COUNTER, FIRST).with_points(points)
    assert span.usage == {Figure.PROMPT: 10, Figure.COMPLETION: 3}


def test_a_counter_that_began_before_those_that_are_followed_is_refused() -> None:
    points = [total(1, 10, START - n) for n in range(MAX_STARTS + 1)]
    span, _ = Span(COUNTER, FIRST).with_points(points)
    assert span.usage == {Figure.PROMPT: 10 * (MAX_STARTS + 1)}
    assert len(span.last) == MAX_STARTS
    after, refused = Span(COUNTER, FIRST + 1, base=span.last).with_points(
        [total(16, 12, START - MAX_STARTS), total(16, 12, START - 1), total(16, 3, at(15))]
    )
    # The oldest is no longer known; 2 more of one that is, and 3 of a new one.
    assert (after.usage, refused) == ({Figure.PROMPT: 5}, 1)


def test_nothing_is_kept_of_a_counter_that_stands_still() -> None:
    spans = Spans()
    spans.take([total(1, 10), *(total(15 * n + 1, 10) for n in range(1, 9)), delta(1, 2, 0)])
    assert list(spans.kept) == [FIRST]
    spans.take([total(15 * 9 + 1, 11)])
    assert spans.used == [10, 1]


def test_a_span_has_room_for_so_many_intervals_and_refuses_more() -> None:
    points = [delta(0, n / 1_000_000, 1) for n in range(1, MAX_INTERVALS + 3)]
    span, refused = Span(DELTA, FIRST).with_points(points)
    assert (span.usage, refused) == ({Figure.PROMPT: MAX_INTERVALS}, 2)
    again, refused = span.with_points(points[:3])
    assert (again, refused) == (span, 0)


def test_two_values_for_one_interval_are_the_higher_one() -> None:
    assert used([delta(0, 1, 10), delta(0, 1, 12), delta(0, 1, 11)]) == [12]


def test_a_revision_is_a_change_of_the_usage() -> None:
    span, _ = Span(DELTA, FIRST).with_points([delta(0, 1, 10)])
    assert (span.revision, span.is_published) == (1, False)
    assert span.with_points([delta(0, 1, 10)])[0].revision == 1
    assert span.with_points([delta(1, 2, 10, Figure.TOTAL)])[0].revision == 2
    counted, _ = Span(COUNTER, FIRST + 1).with_points([total(16, 10)])
    assert counted.after({}) is counted
    assert counted.after({START: {Figure.PROMPT: 4}}).revision == 2
    assert counted.after({START: {Figure.PROMPT: 4}}).usage == {Figure.PROMPT: 6}


_STARTS = st.sampled_from([START, UNKNOWN])


@given(
    _STARTS,
    st.lists(st.tuples(st.integers(1, 70), st.integers(0, 40)), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_any_order_and_repetition_of_a_growing_counter_gives_the_same_usage(
    start: Instant, grown: list[tuple[int, int]], chance: random.Random
) -> None:
    value, points = 100, []
    for minute, growth in sorted(dict(grown).items()):
        value += growth
        points.append(total(minute, value, start))
    unkind = points + chance.choices(points, k=len(points))
    chance.shuffle(unkind)
    plain, other = Spans(), Spans()
    plain.take(points)
    other.take(unkind)
    begun = points[0].value if start == UNKNOWN else 0
    assert sum(plain.used) == value - begun
    assert [used for used in other.used if used] == [used for used in plain.used if used]


@given(
    st.dictionaries(st.integers(0, 70), st.integers(0, 40), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_any_order_and_repetition_of_deltas_gives_the_same_usage(
    sent: dict[int, int], chance: random.Random
) -> None:
    points = [delta(minute, minute + 1, value) for minute, value in sent.items()]
    unkind = points + points
    chance.shuffle(unkind)
    assert sum(used(unkind)) == sum(sent.values())
    plain, other = Spans(), Spans()
    plain.take(points)
    other.take(unkind)
    assert plain.kept.keys() == other.kept.keys()
    assert plain.used == other.used


def test_a_span_is_stored_and_read_back_exactly() -> None:
    series = SERIES._replace(rest="ab", model=None)
    run = COUNTER._replace(series=series)
    points = [total(1, 2**60, UNKNOWN), total(2, 2**60 + 5, figure=Figure.COST)]
    span, _ = Span(run, FIRST).with_points(points)
    span = span.after({0: {Figure.PROMPT: 3}, START: {Figure.COST: 2**60}})
    assert read_span(write_span(span)) == span
    first, _ = Span(DELTA, FIRST).with_points([delta(0, 1, 3)])
    assert read_span(write_span(first)) == first


def test_a_document_that_cannot_be_read_is_said_to_be_so() -> None:
    document = write_span(Span(DELTA, FIRST))
    with pytest.raises(RetryableError, match="cannot be read"):
        read_span({**document, "intervals": [[1, 2, {"cats": 1}]]})
    with pytest.raises(NewerVersionError):
        read_span({**document, "schema": 2})
