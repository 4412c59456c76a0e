"""The stop rule: more than half of a source's events, and at least twenty, are unreadable."""

from collections import Counter

import pytest

from metering.core.hubs.stop_rule import stopped_sources


@pytest.mark.parametrize(
    ("unreadable", "readable", "stops"),
    [(19, 0, False), (20, 0, True), (20, 19, True), (20, 20, False), (21, 20, True)],
)
def test_a_source_stops_from_twenty_unreadable_events_that_are_more_than_half(
    unreadable: int,
    readable: int,
    stops: bool,  # noqa: FBT001
) -> None:
    found = stopped_sources(Counter(a=readable), Counter(a=unreadable))
    assert found == ({"a"} if stops else set())


def test_the_events_of_other_sources_neither_stop_a_source_nor_excuse_it() -> None:
    readable = Counter(a=1_000, b=19)
    unreadable = Counter(a=100, b=20, c=19)
    assert stopped_sources(readable, unreadable) == {"b"}
