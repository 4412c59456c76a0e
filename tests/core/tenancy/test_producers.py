"""Bindings: what a producer may say, and what nobody may be bound to."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.tenancy.producers import DEVELOPMENT_PRODUCER, Binding, Producers, bind_producer
from tests.builders import NOW, dimensions

NAME = "app:00000000-0000-0000-0000-000000000001"
BOUND = Binding(subjects=("sub-1",), sources=("/app/a", "/b/"))


@pytest.mark.parametrize(
    ("source", "is_inside"),
    [
        ("/app/a", True),
        ("/app/a/eu", True),
        ("/app/a-b", False),
        ("/app", False),
        ("/b/", True),
        ("/b/c", True),
        ("/b", False),
    ],
)
def test_a_source_covers_itself_and_what_is_below_it(source: str, is_inside: object) -> None:
    assert (BOUND.refusal(dimensions(source=source)) is None) == is_inside


def test_subjects_are_whole_names_or_all() -> None:
    of = dimensions(source="/app/a", subject="sub-12")
    assert "sub-12" in str(BOUND.refusal(of))
    assert Binding(subjects=("*",), sources=("/app",)).refusal(of) is None


def test_the_same_binding_again_is_no_record_and_another_replaces_it() -> None:
    producers = Producers()
    first = bind_producer(producers, NAME, BOUND, NOW).record
    assert first is not None
    producers.add(first)
    assert bind_producer(producers, NAME, BOUND, NOW).record is None
    nothing = bind_producer(producers, NAME, Binding(), NOW).record
    assert nothing is not None
    producers.add(nothing)
    assert producers.all() == {NAME: Binding()}


def test_the_producer_of_this_machine_is_bound_by_its_name() -> None:
    assert bind_producer(Producers(), DEVELOPMENT_PRODUCER, BOUND, NOW).record is not None
    with pytest.raises(ConfigurationError, match="producer 'development:operator'"):
        bind_producer(Producers(), "development:operator", BOUND, NOW)
