"""Events of Gemini, Bedrock, Cohere and Mistral: where each has its model, counts and tier."""

import json
from typing import Any

import pytest

from metering.core.usage.buckets import by_name
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage_reader import UsageReader
from tests.builders import NOW
from tests.policies.exchanges import answer, data, run, stream
from tests.policies.gateway import Gateway

type Json = dict[str, Any]

GEMINI = {
    "contents": [{"parts": [{"text": "Hello there"}]}],
    "generationConfig": {"maxOutputTokens": 7},
}
GEMINI_USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 60,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 20,
    "totalTokenCount": 127,
    "trafficType": "ON_DEMAND",
}
GEMINI_ANSWER = {
    "candidates": [],
    "usageMetadata": GEMINI_USAGE,
    "modelVersion": "gemini-2.5-flash",
}
CONVERSE = {
    "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
    "inferenceConfig": {"maxTokens": 9},
}
CONVERSE_USAGE = {
    "inputTokens": 10,
    "outputTokens": 4,
    "cacheReadInputTokens": 5,
    "totalTokens": 19,
}
PAGES = {"model": "mistral-ocr-2505", "usage_info": {"pages_processed": 3}}
FRAMES = "application/vnd.amazon.eventstream"
HEADERS: Json = {
    "X_Amzn_Bedrock_Input_Token_Count": "30",
    "X_Amzn_Bedrock_Output_Token_Count": "51",
    "X_Amzn_Bedrock_Cache_Read_Input_Token_Count": "2",
}
COUNTED = {
    "x-amzn-bedrock-input-token-count": "30",
    "x-amzn-bedrock-output-token-count": "51",
    "x-amzn-bedrock-cache-read-input-token-count": "2",
}
BILLED = {"billed_units": {"input_tokens": 2, "output_tokens": 3}, "tokens": {"input_tokens": 99}}


def invoked(model: str, body: object, **headers: Any) -> Json:
    """An InvokeModel of a model, answered with a body and headers."""
    return {
        "policy": "bedrock",
        "path": f"/model/{model}/invoke",
        "body": {"prompt": "Hello"},
        "backend": answer(body, **headers),
    }


@pytest.mark.parametrize(
    ("exchange", "said", "counts"),
    [
        (
            {"policy": "gemini", "body": GEMINI, "backend": answer(GEMINI_ANSWER)},
            {
                "provider": "google",
                "deployment": "gemini-2.5-flash",
                "model": "gemini-2.5-flash",
                "streamed": False,
                "hold": {"max_output_tokens": 7, "prompt_tokens_estimate": 3},
            },
            {"input": 40, "cached_read": 60, "output": 7, "reasoning": 20},
        ),
        (
            {
                "policy": "gemini",
                "body": GEMINI,
                "path": "/v1/projects/p/publishers/google/models/gemini-2.5-pro:generateContent",
                "backend": answer({"usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}}),
                "overall": "vertex",
            },
            {"model": "gemini-2.5-pro", "region": "europe-west4"},
            {"input": 1},
        ),
        (
            {
                "policy": "bedrock",
                "body": CONVERSE,
                "backend": answer({"usage": CONVERSE_USAGE, "serviceTier": {"type": "flex"}}),
                "overall": "bedrock",
            },
            {
                "provider": "aws",
                "deployment": "us.amazon.nova-lite-v1:0",
                "model": "us.amazon.nova-lite-v1:0",
                "region": "eu-west-1",
                "service_tier": "flex",
                "hold": {"max_output_tokens": 9, "prompt_tokens_estimate": 3},
            },
            {"input": 10, "cached_read": 5, "output": 4},
        ),
        # the body of most models has no counts, and behind a guardrail a part of them
        (
            invoked("mistral.mistral-7b", {"outputs": []}, **HEADERS),
            {"model": "mistral.mistral-7b", "usage": COUNTED},
            {"input": 30, "cached_read": 2, "output": 51},
        ),
        (
            invoked("amazon.nova-pro-v1%3A0", {"usage": {"inputTokens": 30}}, **HEADERS),
            {"usage": COUNTED},
            {"input": 30, "cached_read": 2, "output": 51},
        ),
        # a body with the lifetimes of its writes says more than the headers
        (
            invoked(
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-x",
                {
                    "usage": {
                        "input_tokens": 30,
                        "output_tokens": 51,
                        "cache_creation_input_tokens": 9,
                        "cache_creation": {"ephemeral_1h_input_tokens": 9},
                    }
                },
                X_Amzn_Bedrock_PerformanceConfig_Latency="optimized",
                **HEADERS,
            ),
            {"model": "us.anthropic.claude-x", "service_tier": "latency-optimized"},
            {"input": 30, "cache_write_long": 9, "output": 51},
        ),
        # an application's own profile hides the model: the registry of deployments knows it
        (
            invoked(
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
                {},
                X_Amzn_Bedrock_Service_Tier="priority",
                **HEADERS,
            ),
            {
                "deployment": "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
                "model": None,
                "service_tier": "priority",
            },
            {"input": 30, "cached_read": 2, "output": 51},
        ),
        (
            {
                "policy": "cohere",
                "body": {"model": "command-r-08-2024", "messages": []},
                "backend": answer({"message": {}, "usage": BILLED}),
            },
            {"provider": "cohere", "model": "command-r-08-2024", "tokens": "final"},
            {"input": 2, "output": 3},
        ),
        (
            {
                "policy": "cohere",
                "path": "/v2/embed",
                "body": {"model": "embed-v4.0", "texts": ["Hello"]},
                "backend": answer({"meta": {"billed_units": {"input_tokens": 2}}}),
            },
            {"model": "embed-v4.0", "hold": {"prompt_tokens_estimate": 2}},
            {"input": 2},
        ),
        (
            {
                "policy": "cohere",
                "path": "/v2/rerank",
                "body": {"model": "rerank-v3.5"},
                "backend": answer({"results": [], "meta": {"billed_units": {"search_units": 2}}}),
            },
            {"model": "rerank-v3.5"},
            {"quantity": 2_000_000},
        ),
        (
            {
                "policy": "mistral",
                "path": "/v1/ocr",
                "body": {"model": "mistral-ocr-2505"},
                "backend": answer(PAGES),
            },
            {"provider": "mistral", "model": "mistral-ocr-2505"},
            {"quantity": 3_000_000},
        ),
    ],
)  # fmt: skip
def test_a_whole_answer_is_counted(
    gateway: Gateway, exchange: Json, said: Json, counts: dict[str, int]
) -> None:
    done = run(gateway, **exchange)
    (sent,) = done["events"]
    described = sent["event"]["data"]
    assert {name: described.get(name) for name in said} == said
    usage = UsageReader().read(done["bodies"][0].replace(b"0.1234567Z", b"0Z"), NOW)
    assert (by_name(usage.buckets), usage.dimensions.not_understood) == (counts, None)


@pytest.mark.parametrize(
    "exchange",
    [
        invoked("amazon.nova-pro-v1%3A0", {"usage": {"inputTokens": 30}}),
        {"policy": "gemini", "backend": answer({"usageMetadata": {"trafficType": "ON_DEMAND"}})},
        {"policy": "cohere", "backend": answer({"results": []})},
    ],
)
def test_an_answer_without_its_counts_is_missing_and_not_zero(
    gateway: Gateway, exchange: Json
) -> None:
    done = run(gateway, **exchange)
    (sent,) = done["events"]
    described = sent["event"]["data"]
    assert (described["tokens"], described["status"]) == ("absent", 200)
    assert "usage" not in described
    read = UsageReader().read(done["bodies"][0].replace(b"0.1234567Z", b"0Z"), NOW)
    assert read.evidence is Evidence.ABSENT


@pytest.mark.parametrize(
    "exchange",
    [
        {
            "policy": "gemini",
            "body": GEMINI,
            "path": "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
            "backend": answer([{"usageMetadata": GEMINI_USAGE}]),
        },
        {
            "policy": "gemini",
            "body": GEMINI,
            "path": "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
            "backend": stream(f"data: {json.dumps(GEMINI_ANSWER)}\n\n"),
        },
        {
            "policy": "bedrock",
            "body": CONVERSE,
            "path": "/model/amazon.nova-lite-v1%3A0/converse-stream",
            "backend": answer("\0\0\0{", Content_Type=FRAMES),
        },
        {
            "policy": "bedrock",
            "path": "/model/amazon.nova-lite-v1%3A0/invoke-with-response-stream",
            "backend": answer("\0\0\0{", Content_Type=FRAMES, **HEADERS),
        },
        {
            "policy": "cohere",
            "body": {"model": "command-r-08-2024", "stream": True},
            "backend": stream("event: message-end\ndata: {}\n\n"),
        },
        {"policy": "mistral", "body": {"model": "m", "stream": True}, "backend": stream()},
    ],
)
def test_a_stream_is_never_read_and_waits_for_its_counts(gateway: Gateway, exchange: Json) -> None:
    done = run(gateway, **exchange)
    (sent,) = done["events"]
    described = sent["event"]["data"]
    assert (described["tokens"], described["streamed"]) == ("pending", True)
    assert "usage" not in described
    assert described["model"]
    assert done["response"]["body"] == exchange["backend"]["body"]
    read = UsageReader().read(done["bodies"][0].replace(b"0.1234567Z", b"0Z"), NOW)
    assert read.evidence is Evidence.HELD


@pytest.mark.parametrize(
    ("model", "calls"),
    [
        ("gemini-2.5-flash", {"grounded_prompts": 1}),
        ("gemini-3.5-flash", {"search_queries": 3}),
    ],
)
def test_searches_of_gemini_are_meters_beside_its_tokens(
    gateway: Gateway, model: str, calls: dict[str, int]
) -> None:
    queries = [["a", "b"], [], ["c"]]
    grounded = [{"groundingMetadata": {"webSearchQueries": found}} for found in queries]
    reply = answer(GEMINI_ANSWER | {"candidates": grounded, "modelVersion": model})
    tools = GEMINI | {"tools": [{"googleSearch": {}}]}
    assert data(gateway, "gemini", body=tools, backend=reply)["tool_calls"] == calls
    path = "/v1beta/models/gemini-3.5-flash:streamGenerateContent"
    streamed = data(gateway, "gemini", path=path, body=tools, backend=stream())
    assert streamed["server_tools"] == ["google_search"]


@pytest.mark.parametrize(
    ("policy", "reply", "code"),
    [
        ("gemini", answer({"error": {"code": 429, "status": "EXHAUSTED"}}, 429), "EXHAUSTED"),
        ("bedrock", answer({"message": "no"}, 429, X_Amzn_ErrorType="Throttled:x"), "Throttled"),
        ("cohere", answer({"message": "no"}, 429), None),
    ],
)
def test_a_refusal_has_the_provider_s_code(
    gateway: Gateway, policy: str, reply: Json, code: str | None
) -> None:
    described = data(gateway, policy, backend=reply)
    assert (described.get("error"), described["tokens"]) == (code, "absent")


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ("gemini", "/v1beta/models/gemini-2.5-flash:countTokens"),
        ("gemini", "/v1beta/files"),
        ("gemini", "/v1beta/models/gemini-2.5-flash:batchGenerateContent"),
        ("bedrock", "/model/amazon.nova-lite-v1%3A0/count-tokens"),
        ("bedrock", "/guardrail/g/version/1/apply"),
        ("cohere", "/v1/tokenize"),
    ],
)
def test_what_asks_no_model_is_no_event(gateway: Gateway, policy: str, path: str) -> None:
    assert run(gateway, policy, path=path)["events"] == []


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("gemini", {"code": 429, "status": "RESOURCE_EXHAUSTED", "reason": "quota"}),
        ("bedrock", {"__type": "ThrottlingException"}),
        ("cohere", {"code": "quota"}),
        ("mistral", {"code": "quota"}),
    ],
)
def test_a_refusal_of_admission_is_an_error_of_the_provider_s(
    gateway: Gateway, policy: str, said: Json
) -> None:
    verdict = {"verdict": "block", "reason": "quota", "retry_after_s": 30}
    done = run(gateway, policy, values="open", admission=answer(verdict))
    body = json.loads(done["response"]["body"])
    found = body | body["error"]
    assert done["response"]["status"] == 429
    assert {name: found[name] for name in said} == said
    assert found["message"].startswith("A quota is reached")
    assert [sent["event"]["data"]["status"] for sent in done["events"]] == [429]
