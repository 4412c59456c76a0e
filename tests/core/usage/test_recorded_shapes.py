"""Usage objects as services have written them, with the counts that they mean.

Each is a fact that somebody published, named after the thread or recording that shows it; the
expected counts are worked out by hand.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import TOKENS, by_name
from metering.core.usage.families import FAMILIES, family_of
from metering.core.usage.provider_usage import ProviderUsage, Reading, read_usage


class Shape(NamedTuple):
    """One object, and what it says."""

    name: str
    usage: dict[str, Any]
    buckets: dict[str, int]
    model: str | None = None
    meters: Mapping[str, int] = MappingProxyType({})
    """In millionths of the meter's unit."""
    not_understood: str | None = None
    surplus: int = 0


SHAPES = [
    Shape(
        "transcription says input_token_details (openai/openai-dotnet 819)",
        {
            "type": "tokens",
            "input_tokens": 14,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
            "output_tokens": 45,
            "total_tokens": 59,
        },
        {"input_audio": 14, "output": 45},
    ),
    Shape(
        "realtime says both in the singular (m1guelpf/swift-realtime-openai 35)",
        {
            "total_tokens": 541,
            "input_tokens": 521,
            "output_tokens": 20,
            "input_token_details": {
                "text_tokens": 292,
                "audio_tokens": 229,
                "cached_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0},
            },
            "output_token_details": {"text_tokens": 20, "audio_tokens": 0},
        },
        {"input": 292, "input_audio": 229, "output": 20},
    ),
    Shape(
        "realtime: cached tokens of three modalities",
        {
            "total_tokens": 1000,
            "input_tokens": 900,
            "output_tokens": 100,
            "input_token_details": {
                "text_tokens": 400,
                "audio_tokens": 300,
                "image_tokens": 200,
                "cached_tokens": 600,
                "cached_tokens_details": {
                    "text_tokens": 320,
                    "audio_tokens": 180,
                    "image_tokens": 100,
                },
            },
            "output_token_details": {"text_tokens": 40, "audio_tokens": 60},
        },
        # text 400 - 320, audio 300 - 180, images 200 - 100; output 100 - 60
        {
            "input": 80,
            "cached_read": 320,
            "input_audio": 120,
            "cached_audio": 180,
            "input_image": 100,
            "cached_image": 100,
            "output": 40,
            "output_audio": 60,
        },
    ),
    Shape(
        "assistants say prompt_token_details (wso2/product-apim 3331)",
        {
            "prompt_tokens": 2000,
            "completion_tokens": 10,
            "total_tokens": 2010,
            "prompt_token_details": {"cached_tokens": 1920},
        },
        # 2000 - 1920 = 80
        {"input": 80, "cached_read": 1920, "output": 10},
    ),
    Shape(
        "details in both spellings, one of them empty (crmne/ruby_llm, a batch with Mistral)",
        {
            "prompt_tokens": 27,
            "completion_tokens": 2,
            "total_tokens": 29,
            "prompt_audio_seconds": None,
            "prompt_token_details": None,
            "request_count": 0,
            "prompt_tokens_details": {"messages": [], "cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": None,
        },
        {"input": 27, "output": 2},
    ),
    Shape(
        "details in both spellings, of which each names another part",
        {
            "prompt_tokens": 100,
            "completion_tokens": 0,
            "prompt_token_details": {"audio_tokens": 30},
            "prompt_tokens_details": {"cached_tokens": 20, "audio_tokens": 0},
        },
        {"input": 50, "cached_read": 20, "input_audio": 30},
    ),
    Shape(
        "Grok's reasoning stands beside the completion (BerriAI/litellm 39426)",
        {
            "prompt_tokens": 12,
            "completion_tokens": 1,
            "total_tokens": 110,
            "completion_tokens_details": {"reasoning_tokens": 97},
        },
        # 12 + 1 + 97 = 110
        {"input": 12, "output": 1, "reasoning": 97},
    ),
    Shape(
        "Grok on Foundry: 663 + 50 + 124 = 837",
        {
            "prompt_tokens": 663,
            "completion_tokens": 50,
            "total_tokens": 837,
            "completion_tokens_details": {"reasoning_tokens": 124},
        },
        {"input": 663, "output": 50, "reasoning": 124},
    ),
    Shape(
        "Grok's total alone names its reasoning",
        {"prompt_tokens": 663, "completion_tokens": 50, "total_tokens": 837},
        {"input": 663, "output": 50, "reasoning": 124},
        "xai/grok-4-1-fast-reasoning",
    ),
    Shape(
        "Grok with cached input (Wei-Shaw/sub2api 5771)",
        {
            "prompt_tokens": 10120,
            "completion_tokens": 1499,
            "total_tokens": 14428,
            "prompt_tokens_details": {"cached_tokens": 128},
            "completion_tokens_details": {"reasoning_tokens": 2809},
        },
        # 10120 - 128 = 9992; 10120 + 1499 + 2809 = 14428
        {"input": 9992, "cached_read": 128, "output": 1499, "reasoning": 2809},
    ),
    Shape(
        "reasoning larger than the completion cannot be inside it (inspect_ai 5528)",
        {
            "prompt_tokens": 12,
            "completion_tokens": 2,
            "completion_tokens_details": {"reasoning_tokens": 317},
        },
        {"input": 12, "output": 2, "reasoning": 317},
    ),
    Shape(
        "Grok without a total: beside, though it would fit inside",
        {
            "prompt_tokens": 12,
            "completion_tokens": 50,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        {"input": 12, "output": 50, "reasoning": 20},
        "grok-4",
    ),
    Shape(
        "any other model without a total: inside",
        {
            "prompt_tokens": 12,
            "completion_tokens": 50,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        {"input": 12, "output": 30, "reasoning": 20},
        "o4-mini",
    ),
    Shape(
        "reasoning inside: prompt and completion are the total (promptfoo 9507)",
        {
            "prompt_tokens": 20,
            "completion_tokens": 300,
            "total_tokens": 320,
            "completion_tokens_details": {"reasoning_tokens": 280},
        },
        {"input": 20, "output": 20, "reasoning": 280},
    ),
    Shape(
        "Grok on Azure: more cached than prompt (crmne/ruby_llm azure_grok-4-1-fast)",
        {
            "prompt_tokens": 7,
            "completion_tokens": 1,
            "total_tokens": 8,
            "audio_prompt_tokens": 0,
            "prompt_tokens_details": {
                "cached_tokens": 163,
                "audio_tokens": 0,
                "text_tokens": 7,
                "image_tokens": 0,
            },
            "num_sources_used": 0,
        },
        # the whole prompt is plain input; 163 - 7 = 156 are beyond it
        {"input": 7, "output": 1},
        "grok-4-1-fast-non-reasoning",
        surplus=156,
    ),
    Shape(
        "xAI's live search: sources are charged beside the tokens",
        {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8, "num_sources_used": 3},
        {"input": 7, "output": 1},
        not_understood="num_sources_used",
    ),
    Shape(
        "Gemini's OpenAI end point: thinking stands in the total alone (pydantic-ai)",
        {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109},
        {"input": 35, "output": 12, "reasoning": 62},
        "gemini-2.5-pro",
    ),
    Shape(
        "Mistral's own API: sound beside the prompt (crmne/ruby_llm voxtral-small-latest)",
        {
            "prompt_audio_seconds": 3,
            "prompt_tokens": 9,
            "total_tokens": 632,
            "completion_tokens": 248,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 375},
        },
        # 9 + 375 + 248 = 632; the seconds are the same sound in another unit
        {"input": 9, "input_audio": 375, "output": 248},
    ),
    Shape(
        "sound in seconds alone (vercel/ai mistral-transcription)",
        {
            "prompt_audio_seconds": 36,
            "prompt_tokens": 13,
            "completion_tokens": 151,
            "total_tokens": 164,
        },
        {"input": 13, "output": 151},
        meters={"audio_seconds": 36_000_000},
    ),
    Shape(
        "sound in seconds beside tokens, under a name of its own",
        {"prompt_tokens": 9, "completion_tokens": 1, "seconds": 2.5, "characters": 0},
        {"input": 9, "output": 1},
        meters={"audio_seconds": 2_500_000},
    ),
    Shape(
        "DeepSeek's names at the top level",
        {
            "prompt_tokens": 563,
            "completion_tokens": 116,
            "total_tokens": 679,
            "prompt_cache_hit_tokens": 512,
            "prompt_cache_miss_tokens": 51,
        },
        {"input": 51, "cached_read": 512, "output": 116},
    ),
    Shape(
        "Mistral's num_cached_tokens",
        {
            "prompt_tokens": 70,
            "completion_tokens": 12,
            "total_tokens": 82,
            "num_cached_tokens": 69,
        },
        {"input": 1, "cached_read": 69, "output": 12},
    ),
    Shape(
        "Kimi's cached_tokens at the top level (aallan/vera-bench 97)",
        {"prompt_tokens": 19, "completion_tokens": 21, "total_tokens": 40, "cached_tokens": 10},
        {"input": 9, "cached_read": 10, "output": 21},
    ),
    Shape(
        "Qwen writes Anthropic's names inside the prompt's details",
        {
            "prompt_tokens": 29719,
            "completion_tokens": 435,
            "total_tokens": 30154,
            "completion_tokens_details": {"reasoning_tokens": 382, "text_tokens": 435},
            "prompt_tokens_details": {
                "text_tokens": 29719,
                "cache_creation": {"ephemeral_5m_input_tokens": 29713},
                "cache_creation_input_tokens": 29713,
                "cache_type": "ephemeral",
                "cached_tokens": 0,
            },
        },
        # 29719 - 29713 = 6; 435 - 382 = 53
        {"input": 6, "cache_write": 29713, "output": 53, "reasoning": 382},
    ),
    Shape(
        "Qwen's Responses hide a cache write in a list of their own",
        {
            "input_tokens": 300,
            "output_tokens": 5,
            "total_tokens": 305,
            "x_details": [
                {"prompt_tokens_details": {"cache_creation_input_tokens": 213}, "plugins": None}
            ],
        },
        {"input": 87, "cache_write": 213, "output": 5},
    ),
    Shape(
        "a count beside them that no rule knows",
        {"input_tokens": 3, "output_tokens": 5, "x_details": [{"plugins": {"search": 2}}]},
        {"input": 3, "output": 5},
        not_understood="x_details.plugins.search",
    ),
    Shape(
        "Qwen's Responses repeat a write that the details name",
        {
            "input_tokens": 300,
            "input_tokens_details": {"cache_creation_input_tokens": 213},
            "output_tokens": 5,
            "x_details": [
                {"input_tokens": 300},
                {
                    "prompt_tokens_details": {
                        "cache_creation_input_tokens": 213,
                        "cache_creation": {"ephemeral_1h_input_tokens": 200},
                    }
                },
            ],
        },
        {"input": 87, "cache_write": 213, "output": 5},
    ),
    Shape(
        "both spellings with equal values",
        {
            "prompt_tokens": 10,
            "input_tokens": 10,
            "completion_tokens": 2,
            "output_tokens": 2,
            "total_tokens": 12,
        },
        {"input": 10, "output": 2},
    ),
    Shape(
        "Anthropic's thinking is output that is shown as reasoning",
        {
            "input_tokens": 100,
            "output_tokens": 400,
            "cache_read_input_tokens": 0,
            "output_tokens_details": {"thinking_tokens": 350},
        },
        {"input": 100, "output": 50, "reasoning": 350},
    ),
    Shape(
        "compaction: the top level leaves an iteration out (pydantic/pydantic-ai 5065)",
        {
            "input_tokens": 23000,
            "output_tokens": 1000,
            "cache_read_input_tokens": 0,
            "iterations": [
                {"type": "compaction", "input_tokens": 180000, "output_tokens": 3500},
                {"type": "message", "input_tokens": 23000, "output_tokens": 1000},
            ],
        },
        # 180000 + 23000 in, 3500 + 1000 out
        {"input": 203000, "output": 4500},
    ),
    Shape(
        "an advisor is another model: its tokens count and have no price here",
        {
            "input_tokens": 100,
            "output_tokens": 10,
            "iterations": [
                {"type": "message", "input_tokens": 100, "output_tokens": 10},
                {"type": "advisor_message", "input_tokens": 900, "output_tokens": 69},
            ],
        },
        {"input": 1000, "output": 79},
        not_understood="iterations",
    ),
    Shape(
        "searches beside the tokens (BerriAI/litellm 16996); fetching costs nothing more",
        {
            "input_tokens": 9548,
            "output_tokens": 528,
            "cache_read_input_tokens": 0,
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
        },
        {"input": 9548, "output": 528},
        meters={"web_search_requests": 2_000_000},
    ),
    Shape(
        "a tool without a known fee",
        {
            "input_tokens": 1,
            "output_tokens": 1,
            "server_tool_use": {"code_execution_requests": 4},
        },
        {"input": 1, "output": 1},
        not_understood="server_tool_use.code_execution_requests",
    ),
    Shape(
        "Anthropic's fast mode has another price",
        {"input_tokens": 1, "output_tokens": 1, "speed": "fast"},
        {"input": 1, "output": 1},
        not_understood="speed",
    ),
    Shape(
        "the ordinary speed and place have the list price",
        {
            "input_tokens": 1,
            "output_tokens": 1,
            "speed": "standard",
            "inference_geo": "not_available",
            "server_tool_use": {"web_search_requests": 0},
        },
        {"input": 1, "output": 1},
    ),
    Shape(
        "inference in the United States has another price",
        {"input_tokens": 1, "output_tokens": 1, "inference_geo": "us"},
        {"input": 1, "output": 1},
        not_understood="inference_geo",
    ),
    Shape(
        "a detail of an unknown kind",
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "prompt_tokens_details": {"video_tokens": 40, "cached_tokens": 0},
        },
        {"input": 100, "output": 1},
        not_understood="prompt_tokens_details.video_tokens",
    ),
    Shape(
        "a detail of an unknown kind that is zero",
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "completion_tokens_details": {"video_tokens": 0, "audio_tokens": 0},
        },
        {"input": 100, "output": 1},
    ),
    Shape(
        "a cached part of an unknown kind",
        {
            "input_tokens": 100,
            "output_tokens": 1,
            "input_token_details": {
                "cached_tokens": 50,
                "cached_tokens_details": {"text_tokens": 20, "video_tokens": 30},
            },
        },
        {"input": 50, "cached_read": 50, "output": 1},
        not_understood="input_token_details.cached_tokens_details.video_tokens",
    ),
    Shape(
        "an unknown lifetime of Anthropic's caches",
        {
            "input_tokens": 1,
            "output_tokens": 1,
            "cache_creation_input_tokens": 7,
            "cache_creation": {"ephemeral_24h_input_tokens": 7},
        },
        {"input": 1, "cache_write": 7, "output": 1},
        not_understood="cache_creation.ephemeral_24h_input_tokens",
    ),
    Shape(
        "times, prices and flags are no counts (Groq, OpenRouter)",
        {
            "queue_time": 0.0049,
            "prompt_tokens": 304,
            "prompt_time": 0.0146,
            "completion_tokens": 49,
            "total_tokens": 353,
            "total_time": 0.126,
            "completion_tokens_details": {"reasoning_tokens": 23},
            "cost": 0.0133,
            "cost_details": {"upstream_inference_cost": 0.01},
            "is_byok": True,
            "pydantic_ai_gateway": {"cost_estimate": 0.0001546},
        },
        {"input": 304, "output": 26, "reasoning": 23},
    ),
    Shape(
        "an unknown count at the top, and a flag",
        {"prompt_tokens": 8, "completion_tokens": 1, "is_new": True, "fancy_tokens": 2},
        {"input": 8, "output": 1},
        not_understood="fancy_tokens",
    ),
    Shape(
        "Perplexity asks a fee for each request",
        {"prompt_tokens": 8, "completion_tokens": 15, "search_context_size": "low"},
        {"input": 8, "output": 15},
        meters={"search_requests": 1_000_000},
    ),
    Shape(
        "Perplexity's own costs say which fee it asked",
        {
            "prompt_tokens": 8,
            "completion_tokens": 15,
            "search_context_size": "low",
            "num_search_queries": 3,
            "cost": {"request_cost": 0.006},
        },
        {"input": 8, "output": 15},
        meters={"search_requests": 1_000_000},
    ),
    Shape(
        "OpenRouter's Responses count searches under Anthropic's name",
        {
            "input_tokens": 20,
            "input_tokens_details": {"cached_tokens": 5},
            "output_tokens": 3,
            "total_tokens": 23,
            "server_tool_use": {"web_search_requests": 1},
        },
        {"input": 15, "cached_read": 5, "output": 3},
        meters={"web_search_requests": 1_000_000},
    ),
    Shape(
        "SGLang names reasoning at the top, inside the completion",
        {"prompt_tokens": 8, "completion_tokens": 50, "total_tokens": 58, "reasoning_tokens": 40},
        {"input": 8, "output": 10, "reasoning": 40},
    ),
    Shape(
        "reasoning that is larger than the completion stands beside it",
        {"prompt_tokens": 8, "completion_tokens": 5, "total_tokens": 13, "reasoning_tokens": 40},
        {"input": 8, "output": 5, "reasoning": 40},
    ),
    Shape(
        "reasoning at the top and in the details is one",
        {
            "prompt_tokens": 8,
            "completion_tokens": 50,
            "search_context_size": "low",
            "reasoning_tokens": 40,
            "completion_tokens_details": {"reasoning_tokens": 40},
        },
        {"input": 8, "output": 10, "reasoning": 40},
        meters={"search_requests": 1_000_000},
    ),
    Shape(
        # 7 windows of 30 seconds with 375 tokens each: 4 + 2,625 + 635 = 3,264
        "Mistral's transcription counts its sound in the total alone",
        {
            "prompt_audio_seconds": 203,
            "prompt_tokens": 4,
            "completion_tokens": 635,
            "total_tokens": 3264,
        },
        {"input": 4, "input_audio": 2625, "output": 635},
    ),
    Shape(
        "Document AI is charged by the page beside tokens",
        {"prompt_tokens": 5, "completion_tokens": 1, "pages_processed": 2, "doc_size_bytes": 99},
        {"input": 5, "output": 1},
        meters={"pages": 2_000_000},
    ),
    Shape(
        "a search of xAI's has a price by the source",
        {"prompt_tokens": 5, "completion_tokens": 1, "num_sources_used": 4},
        {"input": 5, "output": 1},
        not_understood="num_sources_used",
    ),
    Shape(
        "images of the answer inside the completion (OpenRouter)",
        {
            "prompt_tokens": 5,
            "completion_tokens": 1537,
            "total_tokens": 1542,
            "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 1120},
        },
        {"input": 5, "output": 417, "output_image": 1120},
    ),
    Shape(
        "gpt-image-1 without details: its output is an image",
        {
            "input_tokens": 50,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            "output_tokens": 4160,
            "total_tokens": 4210,
        },
        {"input": 10, "input_image": 40, "output_image": 4160},
        "gpt-image-1-2025-04-15",
    ),
]


def read(usage: dict[str, Any], model: str | None = None) -> Reading:
    return read_usage(ProviderUsage.model_validate(usage), family_of(model))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_recorded_object_has_the_counts_that_it_means(shape: Shape) -> None:
    found = read(shape.usage, shape.model)
    assert by_name(found.buckets) == shape.buckets
    assert dict(found.meters) == shape.meters
    assert (found.not_understood, found.surplus) == (shape.not_understood, shape.surplus)
    assert found.unit is None


@pytest.mark.parametrize(
    ("usage", "unit", "quantity"),
    [
        # whisper (api7/aisix 868): 11 s
        ({"type": "duration", "seconds": 11}, "second", 11_000_000),
        ({"type": "duration", "seconds": 0.5}, "second", 500_000),
        # a part of a millionth counts as one
        ({"seconds": 0.0000001}, "second", 1),
        ({"seconds": 0}, "second", 0),
        # 1,200 characters are 0.0012 million
        ({"characters": 1200}, "million characters", 1_200),
        ({"images": 2}, "image", 2_000_000),
        # Mistral's Document AI
        ({"pages_processed": 3, "doc_size_bytes": 1024}, "page", 3_000_000),
        ({"search_units": 1}, "search", 1_000_000),
    ],
)
def test_a_request_without_tokens_is_counted_in_its_own_unit(
    usage: dict[str, Any], unit: str, quantity: int
) -> None:
    found = read(usage)
    assert (found.unit, by_name(found.buckets)) == (
        unit,
        {"quantity": quantity} if quantity else {},
    )


@pytest.mark.parametrize(
    ("usage", "code"),
    [
        # no known family: neither sum reaches the total
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 99}, "inconsistent"),
        (
            {
                "prompt_tokens": 12,
                "completion_tokens": 2,
                "total_tokens": 14,
                "completion_tokens_details": {"reasoning_tokens": 317},
            },
            "inconsistent",
        ),
        # more cached than prompt, of no family that does so
        (
            {
                "prompt_tokens": 7,
                "completion_tokens": 1,
                "total_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 163},
            },
            "inconsistent",
        ),
        ({"prompt_tokens": 10, "input_tokens": 11}, "unrecognised"),
        (
            {"prompt_tokens": 1, "input_tokens": 1, "completion_tokens": 2, "output_tokens": 3},
            "unrecognised",
        ),
        (
            {"prompt_tokens": 9, "input_tokens": 9, "cache_read_input_tokens": 4},
            "unrecognised",
        ),
        (
            {
                "prompt_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 4},
                "prompt_token_details": {"cached_tokens": 5},
            },
            "inconsistent",
        ),
        (
            {
                "prompt_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 4},
                "num_cached_tokens": 5,
            },
            "inconsistent",
        ),
        (
            {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 4},
            "inconsistent",
        ),
        ({"input_tokens": 9, "output_tokens": 1, "image_tokens": 4}, "inconsistent"),
        ({"seconds": 1, "images": 1}, "unrecognised"),
        ({"seconds": 1, "total_tokens": 5}, "unrecognised"),
    ],
)
def test_an_object_that_contradicts_itself_is_refused(usage: dict[str, Any], code: str) -> None:
    with pytest.raises(RejectedEvent) as rejected:
        read(usage)
    assert rejected.value.code is Code(f"usage_{code}")


@pytest.mark.parametrize(
    ("names", "family"),
    [
        (("grok-4",), "grok"),
        (("xai/Grok-4-1-fast",), "grok"),
        (("azure_ai/grok-3",), "grok"),
        (("us.anthropic.claude-opus-4-1-20250805-v1:0",), "claude"),
        (("gpt-image-1.5",), "gpt-image"),
        (("gpt-4o",), None),
        # the model that served decides, whatever the deployment is called
        (("gpt-4o", None, None, "grok-like"), None),
        ((None, None, None, "grok-3"), "grok"),
        ((None, "xAI"), "grok"),
        ((None, "openai"), None),
        # a word that begins alike
        (("grokking-1",), None),
    ],
)
def test_the_family_is_found_by_name(names: tuple[str | None, ...], family: str | None) -> None:
    found = family_of(*names)
    assert (None if found is None else found.name) == family


def test_every_rule_by_family_names_its_source_and_month() -> None:
    assert all("(2026-" in family.source for family in FAMILIES)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


counts = st.integers(0, 10**6)


@given(counts, counts, counts, counts, st.booleans(), st.sampled_from([None, "grok-4", "gpt-5"]))
def test_buckets_are_disjoint_and_add_up_to_the_total(
    plain: int,
    cached: int,
    output: int,
    reasoning: int,
    beside: bool,  # noqa: FBT001
    model: str | None,
) -> None:
    usage = {
        "prompt_tokens": plain + cached,
        "completion_tokens": output if beside else output + reasoning,
        "total_tokens": plain + cached + output + reasoning,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    found = read(usage, model)
    assert sum(found.buckets[TOKENS]) == usage["total_tokens"]
    expected = {"input": plain, "cached_read": cached, "output": output, "reasoning": reasoning}
    assert by_name(found.buckets) == {name: count for name, count in expected.items() if count}


few = st.one_of(st.none(), st.integers(0, 60))
inputs = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("cached_tokens", "audio_tokens", "image_tokens"), few)
)
outputs = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("reasoning_tokens", "audio_tokens", "text_tokens"), few)
)
objects = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": few,
        "completion_tokens": few,
        "input_tokens": few,
        "output_tokens": few,
        "total_tokens": st.one_of(st.none(), st.integers(0, 130)),
        "prompt_tokens_details": st.one_of(st.none(), inputs),
        "completion_tokens_details": st.one_of(st.none(), outputs),
        "input_tokens_details": st.one_of(st.none(), inputs),
        "output_tokens_details": st.one_of(st.none(), outputs),
    },
)


@given(objects)
def test_the_short_way_reads_as_the_general_one(usage: dict[str, Any]) -> None:
    def answer(given: dict[str, Any]) -> Reading | Code:
        try:
            return read(given)
        except RejectedEvent as why:
            return why.code

    # A field that nobody knows, and that is zero, takes the general way.
    assert answer(usage) == answer(usage | {"something": 0})
