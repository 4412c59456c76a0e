"""Suggestions for mistyped names."""

import pytest

from metering.core.basics.suggestions import nearest, unknown


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        pytest.param("acmee", ["acme", "globex"], "acme", id="one letter too many"),
        pytest.param("ACME", ["acme"], "acme", id="other case"),
        pytest.param("gpt-4.l", ["gpt-4.1", "gpt-4o"], "gpt-4.1", id="the most alike"),
        pytest.param("zzz", ["acme"], None, id="nothing alike"),
        pytest.param("acme", [], None, id="nothing known"),
        pytest.param("a" * 257, ["a" * 256], None, id="too long to compare"),
        pytest.param("a" * 256, ["a" * 255], "a" * 255, id="just not too long"),
    ],
)
def test_the_nearest_name_is_one_that_is_like_it(
    name: str, known: list[str], near: str | None
) -> None:
    assert nearest(name, known) == near


def test_the_error_names_the_nearest_and_the_command_that_lists_all() -> None:
    assert str(unknown("tenant", "acmee", ["acme"], "tenants list")) == (
        "unknown tenant 'acmee': did you mean 'acme'? see `metering tenants list`"
    )
