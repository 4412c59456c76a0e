"""Usage objects of every provider shape become disjoint buckets, or a code says why not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import by_name
from metering.core.usage.provider_usage import ProviderUsage, disjoint_buckets

#: Name, usage object, buckets worked out by hand.
SHAPES: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    (
        "chat: cached is inside the prompt, reasoning inside the completion",
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": None},
            "completion_tokens_details": {"reasoning_tokens": 192},
        },
        # 2006 - 1920 = 86; 300 - 192 = 108
        {"input": 86, "cached_read": 1920, "output": 108, "reasoning": 192},
    ),
    (
        "chat: rejected predictions are output that is paid for",
        {
            "prompt_tokens": 10,
            "completion_tokens": 50,
            "completion_tokens_details": {
                "accepted_prediction_tokens": 20,
                "rejected_prediction_tokens": 15,
            },
        },
        {"input": 10, "output": 50},
    ),
    (
        "chat: audio in and out",
        {
            "prompt_tokens": 100,
            "completion_tokens": 80,
            "prompt_tokens_details": {"audio_tokens": 60},
            "completion_tokens_details": {"audio_tokens": 70},
        },
        {"input": 40, "input_audio": 60, "output": 10, "output_audio": 70},
    ),
    (
        "realtime: part of the cached tokens is audio",
        {
            "input_tokens": 200,
            "output_tokens": 0,
            "input_tokens_details": {
                "cached_tokens": 90,
                "audio_tokens": 100,
                "cached_tokens_details": {"audio_tokens": 30},
            },
        },
        # cached text 90 - 30 = 60; new audio 100 - 30 = 70; the rest 200 - 60 - 30 - 70 = 40
        {"input": 40, "cached_read": 60, "input_audio": 70, "cached_audio": 30},
    ),
    (
        "images in: part of them cached",
        {
            "input_tokens": 1000,
            "input_tokens_details": {
                "image_tokens": 800,
                "cached_tokens": 128,
                "cached_tokens_details": {"image_tokens": 28},
            },
            "output_tokens": 5,
        },
        # new images 800 - 28 = 772, cached text 128 - 28; the rest 1000 - 772 - 128 = 100
        {
            "input": 100,
            "cached_read": 100,
            "input_image": 772,
            "cached_image": 28,
            "output": 5,
        },
    ),
    (
        "chat: cache writes without a lifetime are short ones",
        {
            "prompt_tokens": 1500,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 1400},
        },
        {"input": 100, "cache_write": 1400, "output": 1},
    ),
    (
        "responses: cache writes by lifetime",
        {
            "input_tokens": 5000,
            "input_tokens_details": {
                "cached_tokens": 1000,
                "cache_write_tokens": 3000,
                "cache_write_tokens_details": {"ttl_30m_tokens": 2500, "ttl_12h_tokens": 500},
            },
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 5020,
        },
        # 5000 - 1000 - 3000 = 1000
        {
            "input": 1000,
            "cached_read": 1000,
            "cache_write": 2500,
            "cache_write_long": 500,
            "output": 20,
        },
    ),
    ("embeddings", {"prompt_tokens": 8, "total_tokens": 8}, {"input": 8}),
    (
        "Anthropic: caches stand beside the input, and the split inside its total",
        {
            "input_tokens": 26,
            "cache_read_input_tokens": 48854,
            "cache_creation_input_tokens": 700,
            "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
            "output_tokens": 40,
            "service_tier": "standard",
        },
        {
            "input": 26,
            "cached_read": 48854,
            "cache_write": 500,
            "cache_write_long": 200,
            "output": 40,
        },
    ),
    (
        "Anthropic: a total beyond its split is of an unnamed lifetime",
        {
            "input_tokens": 1,
            "cache_creation_input_tokens": 700,
            "cache_creation": {"ephemeral_1h_input_tokens": 200},
            "output_tokens": 0,
        },
        {"input": 1, "cache_write": 500, "cache_write_long": 200},
    ),
    (
        "Anthropic: only the split",
        {"input_tokens": 1, "cache_creation": {"ephemeral_5m_input_tokens": 3}},
        {"input": 1, "cache_write": 3},
    ),
    (
        "Anthropic: thinking is inside the output",
        {
            "input_tokens": 5,
            "cache_read_input_tokens": 0,
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 10},
        },
        {"input": 5, "output": 20, "reasoning": 10},
    ),
    (
        "Anthropic without caches",
        {"input_tokens": 9, "output_tokens": 4},
        {"input": 9, "output": 4},
    ),
    ("nothing used", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, {}),
]


@pytest.mark.parametrize(("usage", "buckets"), [s[1:] for s in SHAPES], ids=[s[0] for s in SHAPES])
def test_a_usage_object_is_read_into_disjoint_buckets(
    usage: dict[str, Any], buckets: dict[str, int]
) -> None:
    assert by_name(disjoint_buckets(ProviderUsage.model_validate(usage))) == buckets


@pytest.mark.parametrize(
    ("usage", "code"),
    [
        ({}, Code.USAGE_UNRECOGNISED),
        ({"total_tokens": 0}, Code.USAGE_UNRECOGNISED),
        ({"total_tokens": 5, "completion_tokens": 2}, Code.USAGE_UNRECOGNISED),
        ({"prompt_tokens": 1, "input_tokens": 2}, Code.USAGE_UNRECOGNISED),
        (
            {"input_tokens": 1, "input_tokens_details": {}, "cache_read_input_tokens": 1},
            Code.USAGE_UNRECOGNISED,
        ),
        ({"prompt_tokens": 5, "total_tokens": 6}, Code.USAGE_INCONSISTENT),
        (
            {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}},
            Code.USAGE_INCONSISTENT,
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 1,
                "total_tokens": 6,
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Code.USAGE_INCONSISTENT,
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 1,
                "completion_tokens_details": {"audio_tokens": 2},
            },
            Code.USAGE_INCONSISTENT,
        ),
        (
            {
                "prompt_tokens": 50,
                "prompt_tokens_details": {
                    "cached_tokens": 5,
                    "cached_tokens_details": {"audio_tokens": 6},
                },
            },
            Code.USAGE_INCONSISTENT,
        ),
        (
            {
                "prompt_tokens": 50,
                "prompt_tokens_details": {
                    "cached_tokens": 9,
                    "audio_tokens": 5,
                    "cached_tokens_details": {"audio_tokens": 6},
                },
            },
            Code.USAGE_INCONSISTENT,
        ),
        (
            {
                "prompt_tokens": 50,
                "prompt_tokens_details": {
                    "cached_tokens": 9,
                    "image_tokens": 5,
                    "cached_tokens_details": {"image_tokens": 6},
                },
            },
            Code.USAGE_INCONSISTENT,
        ),
        (
            {
                "input_tokens": 1,
                "cache_creation_input_tokens": 2,
                "cache_creation": {"ephemeral_5m_input_tokens": 3},
            },
            Code.USAGE_INCONSISTENT,
        ),
        (
            {
                "input_tokens": 1,
                "cache_read_input_tokens": 1,
                "output_tokens": 1,
                "output_tokens_details": {"reasoning_tokens": 2},
            },
            Code.USAGE_INCONSISTENT,
        ),
    ],
)
def test_a_usage_object_that_contradicts_itself_is_rejected(
    usage: dict[str, Any], code: Code
) -> None:
    with pytest.raises(RejectedEvent) as rejected:
        disjoint_buckets(ProviderUsage.model_validate(usage))
    assert rejected.value.code is code


@given(
    plain=st.integers(0, 10**6),
    cached=st.integers(0, 10**6),
    output=st.integers(0, 10**6),
    reasoning=st.integers(0, 10**6),
)
def test_openai_and_anthropic_say_the_same_request_in_different_words(
    plain: int, cached: int, output: int, reasoning: int
) -> None:
    chat = ProviderUsage(
        prompt_tokens=plain + cached,
        completion_tokens=output + reasoning,
        total_tokens=plain + cached + output + reasoning,
        prompt_tokens_details={"cached_tokens": cached},  # type: ignore[arg-type]
        completion_tokens_details={"reasoning_tokens": reasoning},  # type: ignore[arg-type]
    )
    anthropic = ProviderUsage(
        input_tokens=plain,
        cache_read_input_tokens=cached,
        output_tokens=output + reasoning,
        output_tokens_details={"reasoning_tokens": reasoning},  # type: ignore[arg-type]
    )
    assert disjoint_buckets(chat) == disjoint_buckets(anthropic)
    assert sum(disjoint_buckets(chat)) == plain + cached + output + reasoning
