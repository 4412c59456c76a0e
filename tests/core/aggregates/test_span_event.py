"""The event of a span: complete counts, or none."""

import json
from typing import Any

import pytest

from metering.core.aggregates.point import Figure, Values
from metering.core.aggregates.span import Span
from metering.core.aggregates.span_event import event_of, has_tokens, usage_object
from metering.core.usage.buckets import by_name
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage_reader import UsageReader
from tests.builders import NOW
from tests.core.aggregates.test_span import DELTA, FIRST, START, delta

P, C, T = Figure.PROMPT, Figure.COMPLETION, Figure.TOTAL


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({P: 7, C: 3}, (7, 3, 10)),
        ({P: 7, C: 3, T: 10}, (7, 3, 10)),
        ({P: 7, T: 10}, (7, 3, 10)),
        ({C: 3, T: 10}, (7, 3, 10)),
        ({P: 7, C: 0}, (7, 0, 7)),
    ],
)
def test_two_of_three_figures_give_the_third(values: Values, counts: tuple[int, int, int]) -> None:
    usage = usage_object(values, "chat")
    assert usage is not None
    assert tuple(usage[f"{name}_tokens"] for name in ("prompt", "completion", "total")) == counts


@pytest.mark.parametrize("values", [{P: 7}, {C: 3}, {T: 10}, {P: 7, T: 5}, {}, {Figure.COST: 3}])
def test_a_figure_that_is_not_stated_is_unavailable_and_not_zero(values: Values) -> None:
    assert usage_object(values, "chat") is None


def test_embeddings_have_no_completion() -> None:
    assert usage_object({P: 7}, "embeddings") == {
        "prompt_tokens": 7,
        "completion_tokens": 0,
        "total_tokens": 7,
    }


def event(**figures: int) -> dict[str, Any]:
    span = Span(DELTA, FIRST)
    points = [delta(0, 1, value, Figure(name)) for name, value in figures.items()]
    made: dict[str, Any] = json.loads(event_of(span.with_points(points)[0]))
    return made


def test_the_event_of_a_span_says_whose_it_is_and_that_it_is_a_sum() -> None:
    made = event(prompt=1000, completion=200, total=1200, cached=400, reasoning=50)
    assert made["source"] == "/otlp/gateway"
    assert made["subject"] == "key-1"
    assert made["time"] == "2026-11-20T11:00:00Z"
    assert made["id"] == f"{DELTA.id}-{FIRST:010d}"
    data = made["data"]
    assert (data["evidence"], data["revision"], data["tokens"]) == ("aggregate", 1, "final")
    assert (data["requested_model"], data["model"]) == ("gpt-4o", "gpt-4o-2024-11-20")
    read = UsageReader().read(json.dumps(made).encode(), NOW)
    assert read.evidence is Evidence.AGGREGATE
    assert read.time == START
    # Details are parts of their whole: 1,000 less 400, and 200 less 50.
    counts = by_name(read.buckets)
    assert (counts["input"], counts["cached_read"]) == (600, 400)
    assert sum(counts.values()) == 1200


def test_counts_that_do_not_add_up_are_absent() -> None:
    made = event(prompt=10, completion=5, total=15, cached=400)
    assert made["data"]["tokens"] == "absent"
    assert "usage" not in made["data"]
    assert event(prompt=10)["data"]["tokens"] == "absent"


def test_the_platforms_estimate_alone_is_no_usage() -> None:
    assert not has_tokens({Figure.COST: 3, Figure.COST_MISSING: 1})
    assert has_tokens({Figure.COST: 3, P: 0})


def test_a_caller_without_a_key_is_the_source_itself() -> None:
    run = DELTA._replace(series=DELTA.series._replace(key="", model="m" * 300))
    made = json.loads(event_of(Span(run, FIRST)))
    assert made["subject"] == "/otlp/gateway"
    assert len(made["data"]["model"]) == 256
