"""Streams: told of at once, never read, and asked for their usage only where that is wanted."""

import json
from typing import Any

import pytest

from metering.core.basics.instants import parse_instant
from metering.core.streams.gateway_log import read_log
from metering.core.streams.joining import complete
from metering.core.streams.sheets import stream_of
from metering.core.usage.usage_reader import UsageReader
from tests.gateway_logs import llm_record, log
from tests.policies.exchanges import CHAT, STREAM, answer, data, request, run, stream
from tests.policies.gateway import Gateway

STREAMED = CHAT | {"stream": True}


@pytest.mark.parametrize(
    "policy", ["chat-completions", "responses", "openai-v1", "anthropic-messages"]
)
def test_a_stream_is_pending_and_passes_unread_and_unbuffered(
    gateway: Gateway, policy: str
) -> None:
    done = run(gateway, policy, body=STREAMED, backend=stream())
    told = done["events"][0]["event"]["data"]
    assert (told["tokens"], told["streamed"]) == ("pending", True)
    assert told["hold"]["max_output_tokens"] == 400
    assert "usage" not in told
    assert done["stream_was_read"] is False
    assert done["forwarded"]["unbuffered"] is True
    assert done["response"]["body"] == STREAM


def test_what_the_backend_streams_unasked_is_a_stream(gateway: Gateway) -> None:
    done = run(gateway, backend=stream())
    told = done["events"][0]["event"]["data"]
    assert (told["tokens"], told["streamed"], done["stream_was_read"]) == ("pending", True, False)


def test_a_stream_whose_type_mentions_json_is_not_read(gateway: Gateway) -> None:
    done = run(gateway, backend=answer(STREAM, Content_Type="text/event-stream; data=json"))
    assert done["stream_was_read"] is False
    assert done["events"][0]["event"]["data"]["tokens"] == "pending"


def test_a_stream_of_no_stated_type_is_not_read_either(gateway: Gateway) -> None:
    reply = {"status": 200, "headers": {}, "body": STREAM}
    assert data(gateway, body=STREAMED, backend=reply)["tokens"] == "pending"


def test_a_stream_that_was_asked_for_and_answered_whole_is_counted(gateway: Gateway) -> None:
    told = data(gateway, body=STREAMED, backend=answer())
    assert (told["tokens"], told["streamed"]) == ("final", True)


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_stream_that_was_refused_waits_for_nothing(gateway: Gateway, status: int) -> None:
    told = data(gateway, body=STREAMED, backend=answer({"error": {}}, status))
    assert (told["tokens"], told["status"]) == ("absent", status)
    assert data(gateway, body=STREAMED, backend=stream("", status))["tokens"] == "absent"


def forwarded(gateway: Gateway, body: object, policy: str = "chat-completions", **more: Any) -> str:
    more.setdefault("values", "counting")
    text: str = run(gateway, policy, body=body, backend=stream(), **more)["forwarded"]["body"]
    return text


@pytest.mark.parametrize("policy", ["chat-completions", "openai-v1"])
def test_a_chat_stream_is_asked_for_its_usage(gateway: Gateway, policy: str) -> None:
    asked = forwarded(gateway, STREAMED, policy)
    assert json.loads(asked) == STREAMED | {"stream_options": {"include_usage": True}}


def test_nobody_is_asked_unless_the_operator_says_so(gateway: Gateway) -> None:
    assert forwarded(gateway, STREAMED, values="plain") == json.dumps(STREAMED)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, {"include_usage": True}),
        ({"include_obfuscation": False}, {"include_usage": True, "include_obfuscation": False}),
        ({"include_usage": True}, {"include_usage": True}),
        ({"include_usage": False}, {"include_usage": False}),
        (None, None),
        ("all", "all"),
    ],
)
def test_what_the_client_said_of_it_stands(
    gateway: Gateway, options: object, asked: object
) -> None:
    body = {"tools": [{"stream_options": {"a": 1}}]} | STREAMED | {"stream_options": options}
    assert json.loads(forwarded(gateway, body)) == body | {"stream_options": asked}


@pytest.mark.parametrize(
    "text",
    [
        '{"stream":true,"messages":[{"role":"user","content":"2024-01-01T00:00:00+02:00"}],"t":1.10}',
        ' {"messages":[{"content":"a \\"quoted\\" {brace: \\\\"}],"stream":true}',
        '\n{ "stream" : true , "x" : "Grüße 😀" }',
    ],
)
def test_nothing_else_of_the_request_changes(gateway: Gateway, text: str) -> None:
    head = text.index("{") + 1
    asked = '"stream_options":{"include_usage":true},'
    assert forwarded(gateway, text) == text[:head] + asked + text[head:]


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ("responses", "/v1/responses"),
        ("openai-v1", "/v1/responses"),
        ("openai-v1", "/v1/completions"),
        ("openai-v1", "/v1/embeddings"),
        ("anthropic-messages", "/v1/messages"),
    ],
)
def test_no_other_shape_is_touched(gateway: Gateway, policy: str, path: str) -> None:
    assert forwarded(gateway, STREAMED, policy, path=path) == json.dumps(STREAMED)


@pytest.mark.parametrize("body", [CHAT, CHAT | {"stream": False}, CHAT | {"stream": "true"}, "no"])
def test_what_is_no_stream_is_not_touched(gateway: Gateway, body: object) -> None:
    made = request(body=body)
    assert forwarded(gateway, body) == made["body"]


@pytest.mark.parametrize(
    ("policy", "offered", "told"),
    [
        ("responses", {"tools": [{"type": "web_search_preview"}]}, ["web_search"]),
        (
            "responses",
            {"tools": [{"type": "code_interpreter"}, {"type": "file_search"}]},
            ["file_search", "code_interpreter"],
        ),
        ("anthropic-messages", {"tools": [{"type": "web_search_20250305"}]}, ["web_search"]),
        ("chat-completions", {"web_search_options": {}}, ["web_search"]),
        ("responses", {"tools": [{"type": "bing_grounding"}]}, ["bing"]),
        # Tools of the application itself, and what no service would take.
        ("chat-completions", {"tools": [{"type": "function", "name": "web_search"}]}, None),
        ("responses", {"tools": [7, "web_search", {"type": 7}, {}]}, None),
        ("responses", {"tools": {"type": "web_search"}}, None),
    ],
)
def test_a_stream_names_the_charged_tools_that_its_request_offers(
    gateway: Gateway, policy: str, offered: dict[str, Any], told: list[str] | None
) -> None:
    event = data(gateway, policy, body=STREAMED | offered, backend=stream())
    assert (event["tokens"], event.get("server_tools")) == ("pending", told)
    # An answer that is read whole shows the calls themselves.
    whole = data(gateway, policy, body=CHAT | offered, backend=answer())
    assert (whole["tokens"], "server_tools" in whole) == ("final", False)


def test_a_stream_that_may_have_searched_is_unpriced_once_the_log_tells_its_tokens(
    gateway: Gateway,
) -> None:
    asked = STREAMED | {"tools": [{"type": "web_search"}]}
    (emitted,) = run(gateway, "responses", body=asked, backend=stream())["events"]
    row = read_log(log(llm_record(promptTokens=1_000, completionTokens=100))).llm_rows[0]
    reported = json.dumps(emitted["event"]).encode()
    held = UsageReader().read(reported, parse_instant("2026-11-20T12:00:00Z"))
    event = complete(stream_of(held, reported), row)
    usage = UsageReader().read(event, parse_instant("2026-11-20T12:00:00Z"))
    assert usage.dimensions.not_understood == "server_tools.web_search"
    assert sum(usage.buckets) == 1_100
