"""Usage in the own words of Gemini, Bedrock, Cohere and Mistral, each rule by a worked example."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import TOKENS, by_name, from_names
from metering.core.usage.families import family_of
from metering.core.usage.provider_usage import Reading, read_usage
from metering.core.usage.usage_reader import UsageReader
from metering.core.usage.whole_response import given_usage, parsed_usage
from tests.builders import NOW, body

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data/provider_usage.jsonl").read_text().splitlines()
]
COUNTS = st.integers(0, 100_000)


def read(usage: object, model: str | None = None) -> Reading:
    return given_usage(usage).read(model)


def counted(usage: object) -> dict[str, Any]:
    """What an object says: buckets, meters in their unit, and the field that nobody knows."""
    found = read(usage)
    answer: dict[str, Any] = by_name(found.buckets)
    answer |= {name: count // 10**6 for name, count in found.meters}
    return answer | ({"?": found.not_understood} if found.not_understood else {})


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        # Gemini. The prompt of 100 has 60 cached: 40 are new. Thoughts stand beside candidates.
        (
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 60,
                "candidatesTokenCount": 7,
                "thoughtsTokenCount": 20,
                "totalTokenCount": 127,
            },
            {"input": 40, "cached_read": 60, "output": 7, "reasoning": 20},
        ),
        # Live leaves the thoughts out of its total of 12.
        (
            {
                "promptTokenCount": 5,
                "responseTokenCount": 7,
                "thoughtsTokenCount": 3,
                "totalTokenCount": 12,
            },
            {"input": 5, "output": 7, "reasoning": 3},
        ),
        # The details name 90 tokens of a count of 50: whether the others cost is not known.
        (
            {
                "promptTokenCount": 50,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 60},
                    {"modality": "AUDIO", "tokenCount": 30},
                ],
                "responseTokenCount": 0,
            },
            {"input": 20, "input_audio": 30, "?": "promptTokensDetails"},
        ),
        # A PDF that its cache calls an image: 172 of 258 are cached, and none is a new image.
        (
            {
                "promptTokenCount": 345,
                "cachedContentTokenCount": 230,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 87},
                    {"modality": "DOCUMENT", "tokenCount": 258},
                ],
                "cacheTokensDetails": [
                    {"modality": "IMAGE", "tokenCount": 172},
                    {"modality": "TEXT", "tokenCount": 58},
                ],
                "candidatesTokenCount": 1,
                "totalTokenCount": 346,
            },
            {"input": 115, "cached_read": 230, "output": 1},
        ),
        # Sound among the results of tools is sound of the input.
        (
            {
                "promptTokenCount": 1,
                "toolUsePromptTokenCount": 10,
                "toolUsePromptTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}],
                "candidatesTokenCount": 1,
                "totalTokenCount": 12,
            },
            {"input": 7, "input_audio": 4, "output": 1},
        ),
        # Video that a model makes, and a modality from the future, have prices of their own.
        (
            {
                "promptTokenCount": 1,
                "candidatesTokenCount": 9,
                "candidatesTokensDetails": [{"modality": "VIDEO", "tokenCount": 9}],
            },
            {"input": 1, "output": 9, "?": "candidatesTokensDetails.video"},
        ),
        (
            {
                "promptTokenCount": 3,
                "promptTokensDetails": [{"modality": 9, "tokenCount": 3}, {"modality": None}],
                "candidatesTokenCount": 1,
            },
            {"input": 3, "output": 1, "?": "promptTokensDetails.9"},
        ),
        # A new cached content: input once; its storage by the hour is in no count.
        (
            {"usageMetadata": {"totalTokenCount": 3512}},
            {"input": 3512, "?": "total_token_count"},
        ),
        # Interactions: a search is charged by the query, another tool in a way not known.
        (
            {
                "usage": {
                    "total_input_tokens": 120,
                    "total_output_tokens": 35,
                    "total_tokens": 159,
                    "total_thought_tokens": 4,
                    "grounding_tool_count": [{"type": "google_search", "count": 3}],
                }
            },
            {"input": 120, "output": 35, "reasoning": 4, "search_queries": 3},
        ),
        (
            {
                "totalInputTokens": 1,
                "totalOutputTokens": 2,
                "totalTokens": 3,
                "groundingToolCount": [{"type": "google_maps", "count": 2}, {"type": "url"}],
            },
            {"input": 1, "output": 2, "?": "groundingToolCount.google_maps"},
        ),
        (
            {
                "promptTokenCount": 1,
                "prompt_token_count": 1,
                "candidatesTokenCount": 2,
                "fancyCounts": [{"latencyMs": 5, "fancyTokenCount": 3}],
            },
            {"input": 1, "output": 2, "?": "fancyCounts.fancyTokenCount"},
        ),
        # The chunks of a stream: the last one counts everything.
        (
            [
                {"candidates": [], "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}},
                {"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 9}},
                {"candidates": []},
            ],
            {"input": 4, "output": 9},
        ),
        # Bedrock. Caches stand beside the input of 10: 7 for an hour, 13 for five minutes.
        (
            {
                "inputTokens": 10,
                "outputTokens": 4,
                "cacheReadInputTokens": 5,
                "cacheWriteInputTokens": 20,
                "cacheDetails": [
                    {"ttl": "1h", "inputTokens": 7},
                    {"ttl": "5m", "inputTokens": 13},
                ],
                "totalTokens": 39,
            },
            {"input": 10, "cached_read": 5, "cache_write": 13, "cache_write_long": 7, "output": 4},
        ),
        # Where only they reach the total, the caches stand inside: 10 - 5 - 3.
        (
            {
                "inputTokens": 10,
                "outputTokens": 4,
                "cacheReadInputTokens": 5,
                "cacheWriteInputTokens": 3,
                "totalTokens": 14,
            },
            {"input": 2, "cached_read": 5, "cache_write": 3, "output": 4},
        ),
        (
            {
                "inputTokens": 1,
                "outputTokens": 1,
                "cacheDetails": [{"ttl": "1d", "inputTokens": 2}],
            },
            {"input": 1, "cache_write": 2, "output": 1, "?": "cacheDetails.1d"},
        ),
        (
            {"inputTokens": 1, "outputTokens": 1, "serverToolUsage": {"webSearch": 2}},
            {"input": 1, "output": 1, "?": "serverToolUsage.webSearch"},
        ),
        # Embeddings have no output: by a header, and by Titan's body.
        ({"x-amzn-bedrock-input-token-count": "8"}, {"input": 8}),
        ({"embedding": [0.5, -0.25], "inputTextTokenCount": 5}, {"input": 5}),
        # Titan counts each of its results, and writes decimals behind a guardrail.
        (
            {"inputTextTokenCount": 28.0, "results": [{"tokenCount": 100.0}, {"tokenCount": 97}]},
            {"input": 28, "output": 197},
        ),
        # Llama's last event has a null, and Bedrock's metrics beside it.
        (
            {
                "generation": "",
                "prompt_token_count": None,
                "generation_token_count": 60,
                "amazon-bedrock-invocationMetrics": {"inputTokenCount": 10, "outputTokenCount": 60},
            },
            {"input": 10, "output": 60},
        ),
        (
            {"inputTokens": 1, "outputTokens": 2, "amazon-bedrock-invocationMetrics": None},
            {"input": 1, "output": 2},
        ),
        (
            {"trace": {"orchestrationTrace": {"modelInvocationOutput": {
                "metadata": {"usage": {"inputTokens": 862, "outputTokens": 161}}}}}},
            {"input": 862, "output": 161},
        ),
        # Cohere. Billed are 2 and 3 of 9 and 4 counted tokens.
        (
            {
                "billed_units": {"input_tokens": 2, "output_tokens": 3.0},
                "tokens": {"input_tokens": 9, "output_tokens": 4},
                "cached_tokens": 8.0,
            },
            {"input": 2, "output": 3},
        ),
        (
            {"tokens": {"input_tokens": 9, "output_tokens": 4}},
            {"input": 9, "output": 4, "?": "billed_units"},
        ),
        (
            {"billed_units": {"input_tokens": 2, "output_tokens": 3, "search_units": 1}},
            {"input": 2, "output": 3, "search_units": 1},
        ),
        # Images that are billed by their tokens are not billed by number too.
        (
            {"billed_units": {"input_tokens": 2, "images": 1, "image_tokens": 500}},
            {"input": 2, "input_image": 500},
        ),
        (
            {"billed_units": {"input_tokens": 2, "pages": 4, "classifications": 6}},
            {"input": 2, "classifications": 6, "pages": 4},
        ),
        (
            {"billed_units": {"input_tokens": 2, "video_tokens": 4}},
            {"input": 2, "?": "video_tokens"},
        ),
        # Embed 4 may name text and images apart, inside its input or beside it.
        (
            {"billed_units": {"input_tokens": 502, "text_tokens": 2, "image_tokens": 500}},
            {"input": 2, "input_image": 500},
        ),
        (
            {"billed_units": {"input_tokens": 9, "text_tokens": 2}},
            {"input": 9, "?": "billed_units.text_tokens"},
        ),
        # The metrics say once more what the last event of a model says.
        (
            {
                "metadata": {"usage": {"inputTokens": 7, "outputTokens": 53}},
                "amazon-bedrock-invocationMetrics": {"inputTokenCount": 7, "outputTokenCount": 53},
            },
            {"input": 7, "output": 53},
        ),
        # Kimi's streams have it in their choice.
        (
            {"choices": [{"usage": {"prompt_tokens": 3, "completion_tokens": 1}}]},
            {"input": 3, "output": 1},
        ),
    ],
)  # fmt: skip
def test_an_object_in_a_provider_s_own_words(usage: object, counts: dict[str, Any]) -> None:
    assert counted(usage) == counts


@pytest.mark.parametrize(
    ("usage", "unit", "quantity"),
    [
        ({"meta": {"billed_units": {"search_units": 2}}}, "search", 2_000_000),
        ({"billed_units": {"images": 1.0, "input_tokens": 0}}, "image", 1_000_000),
        ({"billed_units": {"classifications": 5}}, "classification", 5_000_000),
        ({"usage_info": {"pages_processed": 3, "doc_size_bytes": 9}}, "page", 3_000_000),
    ],
)
def test_what_is_billed_by_number_alone(usage: object, unit: str, quantity: int) -> None:
    found = read(usage)
    assert (found.unit, by_name(found.buckets)) == (unit, {"quantity": quantity})
    assert found.not_understood is None


@pytest.mark.parametrize(
    ("usage", "code"),
    [
        # contradictions
        ({"promptTokenCount": 5, "cachedContentTokenCount": 6}, Code.USAGE_INCONSISTENT),
        (
            {"promptTokenCount": 5, "candidatesTokenCount": 1, "totalTokenCount": 99},
            Code.USAGE_INCONSISTENT,
        ),
        ({"promptTokenCount": 5, "prompt_token_count": 6}, Code.USAGE_INCONSISTENT),
        (
            {"inputTokens": 5, "outputTokens": 1, "totalTokens": 99},
            Code.USAGE_INCONSISTENT,
        ),
        (
            {"inputTokens": 5, "inputTokenCount": 6, "outputTokens": 1},
            Code.USAGE_INCONSISTENT,
        ),
        (
            {
                "inputTokens": 5,
                "outputTokens": 1,
                "cacheWriteInputTokens": 1,
                "cacheDetails": [{"ttl": "5m", "inputTokens": 2}],
            },
            Code.USAGE_INCONSISTENT,
        ),
        # no count at all, or half of them: behind a guardrail
        ({"trafficType": "ON_DEMAND"}, Code.USAGE_UNRECOGNISED),
        ({"usageMetadata": {"cachedContentTokenCount": 0}}, Code.USAGE_MISSING),
        ({"usage": {"inputTokens": 30}}, Code.USAGE_MISSING),
        ({"outputTokens": 30}, Code.USAGE_MISSING),
        ({"outputText": "", "index": 0.0, "inputTextTokenCount": 28.0}, Code.USAGE_MISSING),
        ({"inputTextTokenCount": 1, "results": [{"tokenCount": None}]}, Code.USAGE_MISSING),
        ({"billed_units": {"input_tokens": None}}, Code.USAGE_MISSING),
        ({"usage": None, "response": {"usage": None}}, Code.USAGE_MISSING),
        # no numbers
        ({"promptTokenCount": -1}, Code.USAGE_INVALID),
        ({"promptTokenCount": 1.5}, Code.USAGE_INVALID),
        ({"promptTokenCount": True}, Code.USAGE_INVALID),
        ({"promptTokenCount": 1e30}, Code.USAGE_INVALID),
        ({"promptTokenCount": "9" * 400}, Code.USAGE_INVALID),
        ({"promptTokenCount": "²"}, Code.USAGE_INVALID),
        ({"promptTokenCount": {}}, Code.USAGE_INVALID),
        ({"promptTokenCount": 1, "promptTokensDetails": {"TEXT": 1}}, Code.USAGE_INVALID),
        ({"promptTokenCount": 1, "promptTokensDetails": [1]}, Code.USAGE_INVALID),
        ({"X-Amzn-Bedrock-Input-Token-Count": "-6"}, Code.USAGE_INVALID),
        ({"billed_units": [1]}, Code.USAGE_INVALID),
        ({"billed_units": {"input_tokens": "x"}}, Code.USAGE_INVALID),
        (7, Code.USAGE_INVALID),
        ([[[[[[[{"usage": {"inputTokens": 1}}]]]]]]], Code.USAGE_INVALID),
    ],
)
def test_what_no_rule_can_count_is_named_and_never_zero(usage: object, code: Code) -> None:
    with pytest.raises(RejectedEvent) as rejected:
        read(usage)
    assert rejected.value.code == code


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["name"])
def test_a_bare_object_says_what_its_response_says(recorded: dict[str, Any]) -> None:
    """An event carries the usage object alone: the model beside it is the event's."""
    if "error" in recorded:
        return
    response = given_usage(recorded["in"])
    bare = parsed_usage(json.loads(json.dumps(response.usage.model_dump(exclude_unset=True))))
    assert read_usage(bare, family_of(response.model)) == response.read()


@given(*(COUNTS,) * 7)
def test_gemini_s_buckets_add_up_to_its_total(
    text: int, cached: int, sound: int, tools: int, answer: int, spoken: int, thoughts: int
) -> None:
    usage = {
        "promptTokenCount": text + cached + sound,
        "cachedContentTokenCount": cached,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": sound}],
        "toolUsePromptTokenCount": tools,
        "candidatesTokenCount": answer + spoken,
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": spoken}],
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": text + cached + sound + tools + answer + spoken + thoughts,
    }
    found = read(usage).buckets
    assert found == from_names(
        {
            "input": text + tools,
            "cached_read": cached,
            "input_audio": sound,
            "output": answer,
            "output_audio": spoken,
            "reasoning": thoughts,
        }
    )
    assert sum(found[TOKENS]) == usage["totalTokenCount"]


@given(*(COUNTS,) * 5)
def test_bedrock_s_buckets_add_up_to_its_total(
    text: int, cached: int, short: int, long: int, answer: int
) -> None:
    usage = {
        "inputTokens": text,
        "cacheReadInputTokens": cached,
        "cacheWriteInputTokens": short + long,
        "cacheDetails": [{"ttl": "1h", "inputTokens": long}],
        "outputTokens": answer,
        "totalTokens": text + cached + short + long + answer,
    }
    found = read(usage).buckets
    assert sum(found[TOKENS]) == usage["totalTokens"]
    assert found == from_names(
        {
            "input": text,
            "cached_read": cached,
            "cache_write": short,
            "cache_write_long": long,
            "output": answer,
        }
    )


@given(COUNTS, COUNTS, COUNTS)
def test_cohere_s_buckets_are_what_is_billed(taken: int, made: int, added: int) -> None:
    billed = {"input_tokens": float(taken), "output_tokens": made}
    counted_too = {"input_tokens": taken + added, "output_tokens": made + added}
    found = read({"billed_units": billed, "tokens": counted_too}).buckets
    assert found == from_names({"input": taken, "output": made})


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(st.sampled_from([one["in"] for one in RECORDED]), st.data())
def test_any_value_anywhere_is_counted_or_named(recorded: Any, data: st.DataObject) -> None:
    changed = json.loads(json.dumps(recorded))
    place: Any = changed
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list):
            break
        place = place[key]
    place[key] = data.draw(ODD)
    with contextlib.suppress(RejectedEvent):
        assert min(read(changed).buckets) >= 0


@pytest.mark.parametrize(
    ("said", "usage", "tier", "unknown"),
    [
        (None, {"trafficType": "ON_DEMAND"}, "standard", None),
        (None, {"trafficType": "ON_DEMAND_PRIORITY", "serviceTier": "standard"}, "priority", None),
        (None, {"trafficType": "ON_DEMAND_FLEX"}, "flex", None),
        (None, {"trafficType": "ON_DEMAND_OFFPEAK"}, "off_peak", None),
        (None, {"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned", None),
        (None, {"traffic_type": 2}, "provisioned", None),
        (None, {"trafficType": "TRAFFIC_TYPE_UNSPECIFIED", "serviceTier": True}, None, None),
        (None, {"serviceTier": {"type": "flex"}}, "flex", None),
        ("reserved", {"serviceTier": {"type": "reserved"}}, "reserved", None),
        (None, {"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}, "standard", None),
        (None, {"extra_properties": {"google": None}}, None, None),
        ("flex", {"trafficType": "ON_DEMAND"}, "flex", "service_tier"),
    ],
)
def test_the_tier_that_served_a_request_is_a_key_of_its_price(
    said: str | None, usage: dict[str, Any], tier: str | None, unknown: str | None
) -> None:
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}
    sent = body(data__usage=counts | usage, data__service_tier=said)
    found = UsageReader().read(sent, NOW).dimensions
    assert (found.service_tier, found.not_understood) == (tier, unknown)


def test_video_is_text_but_where_the_model_prices_it_apart() -> None:
    details = [{"modality": "VIDEO", "tokenCount": 5}]
    usage = {"promptTokenCount": 9, "promptTokensDetails": details, "responseTokenCount": 1}
    models = ("gemini-2.5-pro", "gemini-3.8-live")
    named = {model: read(usage, model).not_understood for model in models}
    assert named == {"gemini-2.5-pro": None, "gemini-3.8-live": "promptTokensDetails.video"}


def test_the_tier_of_a_whole_response_stands_beside_its_usage() -> None:
    usage = {"inputTokens": 1, "outputTokens": 1}
    assert given_usage({"usage": usage, "serviceTier": {"type": "flex"}}).service_tier == "flex"
    assert given_usage({"usage": usage, "serviceTier": {}}).service_tier is None


def test_an_event_may_write_whole_numbers_as_decimals_and_google_s_library_s_names() -> None:
    reader = UsageReader()
    billed = {"input_tokens": 34.0, "output_tokens": 14.0}
    floats = {"billed_units": billed, "cached_tokens": 448.0}
    library = {
        "prompt_token_count": 5,
        "prompt_tokens_details": [{"modality": "AUDIO", "token_count": 2}],
        "candidates_token_count": 1,
    }
    for usage, counts in (
        (floats, {"input": 34, "output": 14}),
        (library, {"input": 3, "input_audio": 2, "output": 1}),
    ):
        found = reader.read(body(data__usage=usage), NOW)
        assert by_name(found.buckets) == counts
    for refused in ({"prompt_tokens": 1.0}, {"inputTokens": 1, "total_tokens": 1.5}):
        with pytest.raises(RejectedEvent) as rejected:
            reader.read(body(data__usage=refused), NOW)
        assert rejected.value.code == Code.USAGE_INVALID
