"""The event of one request: what it says, whatever shape the API has, and what it never says."""

import json

import pytest

from tests.policies.exchanges import (
    CHAT,
    CHAT_ANSWER,
    CHAT_USAGE,
    REQUEST_ID,
    answer,
    data,
    event,
    request,
    run,
)
from tests.policies.gateway import Gateway

RESPONSES_USAGE = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 512},
    "output_tokens": 100,
    "output_tokens_details": {"reasoning_tokens": 25},
    "total_tokens": 1100,
}
EMBEDDINGS_USAGE = {"prompt_tokens": 8, "total_tokens": 8}
ANTHROPIC_USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 2000,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    "output_tokens": 50,
    "service_tier": "standard",
    "something_new": {"nobody_knows": [1.5, None, "x"]},
}


def test_the_event_of_a_chat_has_its_identity_and_its_place(gateway: Gateway) -> None:
    made = event(gateway, headers={"x-use-case": "search", "x-end-user": "user-7"})
    described = made.pop("data")
    assert made == {
        "specversion": "1.0",
        "type": "llm.usage.v1",
        "source": "/apim/contoso",
        "id": REQUEST_ID,
        "time": "2026-11-20T11:45:00.1234567Z",
        "subject": "sub-1",
        "datacontenttype": "application/json",
    }
    assert described == {
        "product": "ai-platform",
        "api": "azure-openai",
        "operation": "create",
        "deployment": "gpt-4o",
        "model": "gpt-4o-2024-11-20",
        "requested_model": "gpt-4o",
        "backend": "contoso-ai",
        "spillover": False,
        "status": 200,
        "streamed": False,
        "duration_ms": 1235,
        "use_case": "search",
        "end_user": "user-7",
        "tokens": "final",
        "hold": {"prompt_tokens_estimate": 5, "max_output_tokens": 400},
        "usage": CHAT_USAGE,
    }


def test_an_event_goes_to_the_partition_of_its_subject(gateway: Gateway) -> None:
    (sent,) = run(gateway)["events"]
    assert (sent["logger"], sent["partition_key"]) == ("metering-usage", "sub-1")


@pytest.mark.parametrize(
    ("policy", "body", "usage"),
    [
        ("chat-completions", CHAT, CHAT_USAGE),
        ("responses", {"model": "gpt-4o", "input": "Hello"}, RESPONSES_USAGE),
        ("embeddings", {"input": ["Hello"]}, EMBEDDINGS_USAGE),
        ("openai-v1", CHAT | {"model": "gpt-4o"}, CHAT_USAGE),
        ("anthropic-messages", {"model": "claude", "messages": []}, ANTHROPIC_USAGE),
    ],
)
def test_the_usage_of_every_shape_goes_out_untouched(
    gateway: Gateway, policy: str, body: object, usage: object
) -> None:
    reply = answer({"model": "the-model-1", "usage": usage})
    done = run(gateway, policy, body=body, backend=reply)
    (sent,) = done["events"]
    assert sent["event"]["data"]["tokens"] == "final"
    assert sent["event"]["data"]["model"] == "the-model-1"
    # In order too, as text: nothing was read into a form of ours and written again.
    assert json.dumps(sent["event"]["data"]["usage"]) == json.dumps(usage)
    assert done["response"]["body"] == reply["body"]
    assert done["forwarded"]["body"] == json.dumps(body)


def test_only_the_policy_for_anthropic_names_a_provider(gateway: Gateway) -> None:
    assert data(gateway, "anthropic-messages", body={})["provider"] == "anthropic"
    assert "provider" not in data(gateway)


def test_a_local_clock_gives_the_same_instant(gateway: Gateway) -> None:
    assert event(gateway, time_kind="local")["time"] == "2026-11-20T11:45:00.1234567Z"


@pytest.mark.parametrize(
    ("tier", "ours"),
    [
        ("default", "standard"),
        ("auto", "standard"),
        ("scale", "standard"),
        ("standard", "standard"),
        ("priority", "priority"),
        ("fast", "priority"),
        ("flex", "flex"),
        ("batch", "batch"),
        # Unknown: it must not be charged as standard.
        ("Ludicrous", "ludicrous"),
        (None, None),
        (7, None),
    ],
)
def test_the_tier_that_served_is_told_in_our_words(
    gateway: Gateway, tier: object, ours: str | None
) -> None:
    reply = answer(CHAT_ANSWER | {"service_tier": tier})
    assert data(gateway, backend=reply).get("service_tier") == ours


def test_anthropic_tells_the_tier_inside_its_usage(gateway: Gateway) -> None:
    reply = answer({"usage": {"input_tokens": 1, "output_tokens": 1, "service_tier": "batch"}})
    assert data(gateway, "anthropic-messages", backend=reply)["service_tier"] == "batch"


def test_a_spilled_request_names_the_deployment_that_served_it(gateway: Gateway) -> None:
    spilled = answer(x_ms_spillover_from_deployment="gpt-4o", x_ms_deployment_name="gpt-4o-paygo")
    told = data(gateway, backend=spilled)
    assert (told["spillover"], told["deployment"]) == (True, "gpt-4o-paygo")
    assert told["requested_model"] == "gpt-4o"


def test_a_spilled_request_is_known_by_its_header_alone(gateway: Gateway) -> None:
    told = data(gateway, backend=answer(X_MS_Spillover_From_gpt4o="true"))
    assert (told["spillover"], told["deployment"]) == (True, "gpt-4o")


def test_the_region_is_that_of_the_response_never_that_of_the_gateway(gateway: Gateway) -> None:
    assert data(gateway, backend=answer(x_ms_region="East US 2"))["region"] == "eastus2"
    assert "region" not in data(gateway)


def test_a_backend_that_is_no_azure_account_is_left_out(gateway: Gateway) -> None:
    assert "backend" not in data(gateway, overall="elsewhere")


def test_nothing_of_prompt_completion_key_or_address_is_in_an_event(gateway: Gateway) -> None:
    (sent,) = run(gateway, headers={"Authorization": "Bearer hidden", "x-other": "hidden"})[
        "events"
    ]
    for secret in ("secret", "sk-0123456789", "203.0.113.7", "hidden", "azure.com"):
        assert secret not in sent["body"]


def test_no_request_has_two_events(gateway: Gateway) -> None:
    for policy in ("chat-completions", "responses", "embeddings", "openai-v1"):
        assert len(run(gateway, policy, values="open")["events"]) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 408, 429, 500])
def test_an_error_of_the_backend_is_an_event_without_tokens(gateway: Gateway, status: int) -> None:
    told = data(gateway, backend=answer({"error": {"code": "any"}}, status))
    assert (told["status"], told["tokens"]) == (status, "absent")
    assert "usage" not in told


def test_an_error_that_carries_usage_keeps_it(gateway: Gateway) -> None:
    told = data(gateway, backend=answer({"error": {}, "usage": CHAT_USAGE}, 400))
    assert (told["status"], told["tokens"], told["usage"]) == (400, "final", CHAT_USAGE)


@pytest.mark.parametrize("usage", [None, "1100", [], 7])
def test_a_response_whose_usage_is_no_object_has_none(gateway: Gateway, usage: object) -> None:
    told = data(gateway, backend=answer(CHAT_ANSWER | {"usage": usage}))
    assert (told["status"], told["tokens"]) == (200, "absent")


def test_a_response_without_usage_has_none(gateway: Gateway) -> None:
    told = data(gateway, backend=answer({"model": "gpt-4o"}))
    assert (told["tokens"], told["model"]) == ("absent", "gpt-4o")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses/resp_1"),
        ("DELETE", "/v1/responses/resp_1"),
        ("GET", "/v1/models"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/responses/input_tokens"),
        ("POST", "/v1/files"),
        ("POST", "/v1/uploads/up_1/parts"),
        ("POST", "/v1/batches"),
    ],
)
def test_what_asks_no_model_for_anything_is_no_event(
    gateway: Gateway, method: str, path: str
) -> None:
    shown = answer({"id": "resp_1", "usage": RESPONSES_USAGE})
    more: dict[str, object] = {"method": method, "path": path, "body": None}
    assert run(gateway, "openai-v1", backend=shown, **more)["events"] == []
    refused = {"source": "quota", "reason": "QuotaExceeded", "status": 403}
    assert run(gateway, "openai-v1", refused=refused, **more)["events"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/deployments/files/chat/completions",
        "/deployments/cancel/chat/completions",
        "/v1/images/generations",
        "/v1/responses/compact",
    ],
)
def test_everything_else_that_is_posted_is_one(gateway: Gateway, path: str) -> None:
    assert data(gateway, "openai-v1", path=path)["tokens"] == "final"


def test_a_long_subject_is_whole_in_the_event_and_cut_in_the_partition_key(
    gateway: Gateway,
) -> None:
    (sent,) = run(gateway, subscription={"id": "s" * 256})["events"]
    assert (sent["event"]["subject"], sent["partition_key"]) == ("s" * 256, "s" * 128)


def test_a_response_made_in_the_background_is_waited_for(gateway: Gateway) -> None:
    queued = answer({"id": "resp_1", "status": "queued", "usage": None})
    told = data(gateway, "responses", body={"model": "o3", "background": True}, backend=queued)
    assert told["tokens"] == "pending"


def test_an_event_stays_far_below_the_cut_of_the_hub(gateway: Gateway) -> None:
    long = "x" * 100_000
    reply = answer({"model": long, "usage": CHAT_USAGE | {"more": "y" * 300_000}})
    made = request(headers={"x-use-case": long, "x-end-user": long}, backend=reply)
    (sent,) = gateway.run(made)["events"]
    assert len(sent["body"]) < 3_000
    assert json.loads(sent["body"])["data"]["tokens"] == "pending"


def test_a_long_header_is_cut_but_never_inside_a_character(gateway: Gateway) -> None:
    # 255 letters, then one that takes two units of UTF-16: the cut at 256 would halve it.
    told = data(gateway, headers={"x-end-user": "é" * 255 + "😀", "x-use-case": "ü" * 300})
    assert told["end_user"] == "é" * 255
    assert told["use_case"] == "ü" * 256


def test_text_that_is_not_ascii_reaches_the_backend_and_the_hub_as_it_was(gateway: Gateway) -> None:
    body = json.dumps(
        CHAT | {"messages": [{"role": "user", "content": "Grüße 😀"}]}, ensure_ascii=False
    )
    done = run(gateway, body=body, product={"id": "KI-Plattform-Zürich"})
    assert done["forwarded"]["body"] == body
    assert done["events"][0]["event"]["data"]["product"] == "KI-Plattform-Zürich"


def test_what_another_policy_did_wrong_costs_detail_but_no_counts(gateway: Gateway) -> None:
    done = run(gateway, overall="wrong-variable")
    assert (done["end"], done["response"]["status"]) == ("outbound", 200)
    told = done["events"][0]["event"]["data"]
    assert (told["tokens"], told["usage"], told["status"]) == ("final", CHAT_USAGE, 200)
    assert told["incomplete"] is True


def test_a_call_without_a_product_says_none(gateway: Gateway) -> None:
    told = data(gateway, product=None)
    assert "product" not in told
    assert told["tokens"] == "final"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            {"code": "content_filter", "message": "The prompt tripped the filter.", "param": None},
            "content_filter",
        ),
        (
            {"code": "context_length_exceeded", "type": "invalid_request_error"},
            "context_length_exceeded",
        ),
        ({"type": "invalid_request_error", "message": "Who said so?"}, "invalid_request_error"),
        ({"code": 7}, None),
        ("a text", None),
        (None, None),
    ],
)
def test_a_refusal_is_told_by_its_code_and_never_by_its_text(
    gateway: Gateway, error: object, code: str | None
) -> None:
    told = data(gateway, backend=answer({"error": error}, status=400))

    assert (told.get("error"), told["status"], told["tokens"]) == (code, 400, "absent")
    assert "tripped" not in json.dumps(told)
    assert "usage" not in told


def test_an_answer_has_no_error_code(gateway: Gateway) -> None:
    assert "error" not in data(gateway, backend=answer(CHAT_ANSWER | {"error": {"code": "x"}}))


def test_calls_of_charged_tools_are_counted_by_their_type(gateway: Gateway) -> None:
    output = [
        *[{"type": "web_search_call", "action": {"query": "a secret"}}] * 2,
        {"type": "file_search_call", "queries": ["a secret"]},
        {"type": "function_call", "name": "own_tool"},
        {"type": "message", "content": []},
        {"type": 7},
        "nothing",
    ]
    reply = answer({"model": "gpt-4o", "output": output, "usage": RESPONSES_USAGE})
    told = data(gateway, "responses", body={"model": "gpt-4o", "input": "Hi"}, backend=reply)

    assert told["tool_calls"] == {"web_search_call": 2, "file_search_call": 1}
    assert "secret" not in json.dumps(told)
