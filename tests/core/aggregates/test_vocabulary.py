"""Which samples are points of which run, and which are refused or left alone."""

from typing import Any

import pytest

from metering.core.aggregates.point import Figure, Point
from metering.core.aggregates.vocabulary import Sample, read_samples
from metering.core.basics.instants import DAY, HOUR, MINUTE
from tests.builders import NOW

TOKENS = "azure.ai_gateway.client.token.usage"
COST = "azure.ai_gateway.client.token.cost"


def sample(**changes: Any) -> Sample:
    made = Sample(
        TOKENS,
        {"service.name": "apim-gateway"},
        {
            "gen_ai.request.model": "fast",
            "gen_ai.response.model": "gpt-4o-2024-11-20",
            "gen_ai.operation.name": "chat",
            "gen_ai.token.type": "prompt_tokens",
            "azure.ai_gateway.api_key_id": "key-1",
        },
        NOW - MINUTE,
        NOW,
        12.0,
        False,
    )
    attributes = {
        name.replace("__", "."): value for name, value in changes.pop("attributes", {}).items()
    }
    kept = {**made.attributes, **attributes}
    kept = {name: value for name, value in kept.items() if value is not None}
    return made._replace(attributes=kept, **changes)


def read(*samples: Sample) -> list[Point]:
    reading = read_samples("gateway", samples, NOW)
    assert reading.refused == []
    return reading.points


def test_a_sample_names_its_caller_its_models_and_its_figure() -> None:
    (point,) = read(sample(attributes={"server__address": "eastus2", "gen_ai__system": "azure"}))
    series = point.run.series
    assert (series.key, series.requested_model, series.model) == (
        *("key-1", "fast", "gpt-4o-2024-11-20"),
    )
    assert (series.operation, series.provider) == ("chat", "azure")
    assert len(series.rest) == 32
    assert (point.figure, point.value) == (Figure.PROMPT, 12)
    assert (point.start, point.end) == (NOW - MINUTE, NOW)


@pytest.mark.parametrize(
    ("kind", "figure"),
    [
        ("prompt_tokens", Figure.PROMPT),
        ("Prompt Tokens", Figure.PROMPT),
        ("input", Figure.PROMPT),
        ("completion_tokens", Figure.COMPLETION),
        ("output", Figure.COMPLETION),
        ("total_tokens", Figure.TOTAL),
        ("prompt_tokens_details.cached_tokens", Figure.CACHED),
        ("completion_tokens_details.reasoning_tokens", Figure.REASONING),
    ],
)
def test_kinds_of_tokens_go_by_many_names(kind: str, figure: Figure) -> None:
    (point,) = read(sample(attributes={"gen_ai__token__type": kind}))
    assert point.figure is figure


def test_other_metrics_and_details_are_left_alone() -> None:
    kind = {"gen_ai__token__type": "completion_tokens_details.accepted_prediction_tokens"}
    assert read(sample(metric="gen_ai.server.request.duration"), sample(attributes=kind)) == []
    assert read(sample(attributes={"gen_ai__token__type": None})) == []
    euros = {"azure__ai_gateway__currency": "EUR"}
    assert read(sample(metric=COST, attributes=euros)) == []


def test_figures_of_one_caller_are_of_one_run_and_callers_of_different_ones() -> None:
    kind = {"gen_ai__token__type": "completion_tokens"}
    cost = sample(metric=COST, value=0.25, attributes={"azure__ai_gateway__currency": "USD"})
    one, two, three = read(sample(), sample(attributes=kind), cost)
    assert one.run == two.run == three.run
    # 0.25 US dollars in 10^-12.
    assert (three.figure, three.value) == (Figure.COST, 250_000_000_000)
    (other,) = read(sample(resource={"service.instance.id": "2"}))
    (theirs,) = read(sample(attributes={"azure__ai_gateway__api_key_id": "key-2"}))
    assert len({one.run.id, other.run.id, theirs.run.id}) == 3
    (nobody,) = read(sample(attributes={"azure__ai_gateway__api_key_id": None}))
    assert nobody.run.series.key == ""


def test_other_attributes_tell_series_apart_and_take_no_room() -> None:
    (plain,), (other,) = read(sample()), read(sample(attributes={"x" * 100_000: "y" * 100_000}))
    assert plain.run.id != other.run.id
    assert len(other.run.series.rest) == 32


def test_a_counter_says_when_it_began_and_zero_if_it_does_not_know() -> None:
    known, unknown = read(sample(is_cumulative=True), sample(is_cumulative=True, start=0))
    assert (known.start, unknown.start) == (NOW - MINUTE, 0)
    assert known.run == unknown.run
    (summed,) = read(sample())
    assert summed.run.id != known.run.id


def test_a_price_that_the_platform_does_not_know_is_no_cost_of_zero() -> None:
    missing = {"azure__ai_gateway__price_missing": "true"}
    (point,) = read(sample(metric=COST, value=0.0, attributes=missing))
    assert (point.figure, point.value) == (Figure.COST_MISSING, 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"end": NOW + HOUR}, "ahead of the clock"),
        ({"end": 0, "is_cumulative": True}, "without a time"),
        ({"end": NOW - 8 * DAY, "start": NOW - 9 * DAY}, "older than seven days"),
        ({"start": 0}, "without the start of its interval"),
        ({"value": -1.0}, "not between 0 and"),
        ({"value": float("nan")}, "not between 0 and"),
        ({"value": 1e16}, "not between 0 and"),
        ({"value": 0.5}, "not a whole number"),
        ({"attributes": {"azure__ai_gateway__api_key_id": "k" * 257}}, "longer than 256"),
        ({"attributes": {"gen_ai__response__model": "m" * 257}}, "longer than 256"),
    ],
)
def test_a_sample_that_cannot_be_counted_is_refused_with_its_reason(
    changes: dict[str, Any], reason: str
) -> None:
    reading = read_samples("gateway", [sample(**changes)], NOW)
    assert reading.points == []
    (why,) = reading.refused
    assert reason in why
