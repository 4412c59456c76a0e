"""Generations name the second in which they were begun."""

import pytest

from metering.core.basics.instants import HOUR, parse_instant
from metering.core.exports.generations import begun, generation_name, is_over

AT = parse_instant("2026-12-02T00:30:01Z")


def test_a_generation_is_over_an_hour_after_it_was_begun() -> None:
    name = generation_name(AT, "00ff")
    assert name == "20261202T003001Z-00ff"
    assert begun(name) == AT
    assert not is_over(name, AT + HOUR - 1)
    assert is_over(name, AT + HOUR)


@pytest.mark.parametrize("name", ["left", "20261302T003001Z-00ff", "20261202T003001Z"])
def test_what_is_no_generation_is_over(name: str) -> None:
    assert begun(name) is None
    assert is_over(name, 0)
