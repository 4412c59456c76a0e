"""Requests that a provider refuses, in its own words, through its own client."""

from typing import Any

import anthropic
import httpx2
import openai
import pytest

from metering.local.gateway.keys import key_of
from tests.local.gateway.bench import MESSAGES, QUESTION, Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

OBJECT: dict[str, Any] = {"type": "object", "properties": {}}


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **fields}}


def schema_of(schema: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "s", "schema": schema, **fields}}


#: 1,000 values in each of 128 answers.
WIDE = {"type": "array", "minItems": 1_000, "items": {"type": "null"}}
DEEP: Any = {"type": "object"}
for _ in range(50):
    DEEP = {"type": "object", "properties": {"a": DEEP}}

CHAT: list[tuple[dict[str, Any], str | None]] = [
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_completion_tokens": "9"}, "max_completion_tokens"),
    ({"model": "o4-mini", "max_tokens": 9}, "max_tokens"),
    ({"n": 0}, "n"),
    ({"n": 129}, "n"),
    ({"stop": ["a"] * 5}, "stop"),
    ({"stop": [""]}, "stop"),
    ({"tools": "f"}, "tools"),
    ({"tools": [function()] * 129}, "tools"),
    ({"tools": [7]}, "tools[0]"),
    ({"tools": [{}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": 7}]}, "function"),
    ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
    ({"tools": [function(name="no spaces")]}, "tools[0].function.name"),
    ({"tools": [function(parameters={"type": "text"})]}, "tools[0].function.parameters"),
    ({"tools": [function(parameters={"type": "array"})]}, "tools[0].function.parameters"),
    ({"tools": [function(parameters=DEEP)]}, "tools[0].function.parameters"),
    ({"tools": [function(parameters=OBJECT, strict=True)]}, "tools[0].function.parameters"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tools": [function()], "tool_choice": "some"}, "tool_choice"),
    ({"tools": [function()], "tool_choice": function(name="g")}, "tool_choice"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": "json"}, "response_format"),
    ({"response_format": {"type": "json_object"}}, "messages"),
    ({"response_format": schema_of(7)}, "response_format"),
    ({"response_format": schema_of({"type": "array"}, strict=True)}, "response_format"),
    ({"response_format": schema_of({"$ref": "#/$defs/x"})}, "response_format"),
    ({"response_format": schema_of(False)}, None),
    ({"response_format": schema_of({"allOf": [WIDE] * 2}), "n": 128}, None),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.name"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "s"}}},
        "response_format.json_schema.schema",
    ),
    ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]}, "messages[0].role"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}, *MESSAGES]},
        "messages[0]",
    ),
]


async def test_chat_completions_name_the_field(shared: Bench) -> None:
    client = await shared.openai()
    for changes, param in CHAT:
        body: Any = {"model": "gpt-4o", "messages": MESSAGES} | changes
        with pytest.raises(openai.BadRequestError) as error:
            await client.chat.completions.create(**body)
        assert (error.value.param, error.value.type) == (param, "invalid_request_error"), changes
    with pytest.raises(openai.BadRequestError) as error:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=0)
    assert error.value.code == "integer_below_min_value"
    balance = await shared.balance()
    assert balance.total.not_billable == len(CHAT) + 1
    assert balance.amount == 0


RESPONSES: list[tuple[dict[str, Any], str | None]] = [
    ({"input": 7}, "input"),
    ({"input": []}, "input"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"background": True, "store": False}, "background"),
    ({"previous_response_id": "resp_x"}, "previous_response_id"),
    ({"text": {"format": {"type": "json_object"}}}, "input"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format.name"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tools": [{"type": "custom", "name": "f"}], "tool_choice": {"type": "function"}}, None),
]


async def test_responses_name_the_field(shared: Bench) -> None:
    client = await shared.openai()
    for changes, param in RESPONSES:
        body: Any = {"model": "gpt-4o", "input": QUESTION} | changes
        with pytest.raises(openai.BadRequestError) as error:
            await client.responses.create(**body)
        assert param is None or error.value.param == param, changes
    with pytest.raises(openai.NotFoundError) as missing:
        await client.responses.create(model="gpt-99", input=QUESTION)
    assert missing.value.code == "DeploymentNotFound"


TOOL: dict[str, Any] = {"name": "f", "input_schema": OBJECT}
MESSAGES_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": 0}, "max_tokens: must be a whole number of at least 1, and is 0."),
    ({"stop_sequences": [7]}, "stop_sequences: "),
    ({"tools": [{"name": "f"}]}, "tools.0.input_schema: Field required"),
    ({"tools": [{"name": "f", "input_schema": {"type": "array"}}]}, "tools.0.input_schema.type: "),
    ({"tools": [{"name": "f", "input_schema": {"type": "x"}}]}, "tools.0.input_schema: "),
    ({"tool_choice": {"type": "any"}}, "tool_choice: "),
    ({"tools": [TOOL], "tool_choice": {"type": "some"}}, "tool_choice: "),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice: "),
    ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type: "),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: "),
    (
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]},
        "messages.0: `tool_result` blocks must follow",
    ),
    (
        {
            "messages": [
                {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "f"}]},
                {"role": "user", "content": "Hi"},
            ]
        },
        "messages.1: `tool_use` ids were found",
    ),
]


async def test_messages_say_what_is_wrong(shared: Bench) -> None:
    client = await shared.anthropic()
    for changes, said in MESSAGES_REFUSED:
        body: Any = {
            "model": "claude-sonnet",
            "max_tokens": 10,
            "messages": [{"role": "user", "content": QUESTION}],
        } | changes
        with pytest.raises(anthropic.BadRequestError) as error:
            await client.messages.create(**body)
        assert isinstance(error.value.body, dict)
        assert error.value.body["error"]["message"].startswith(said), changes
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.count_tokens(
            model="claude-99", messages=[{"role": "user", "content": QUESTION}]
        )
    for attempt in (client.models.retrieve("gpt-4o"), client.models.retrieve("claude-99")):
        with pytest.raises(anthropic.NotFoundError):
            await attempt
    with pytest.raises(anthropic.BadRequestError):
        await client.models.list(limit=0)


FILE = ("a.wav", b"x")
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("images", {"model": "gpt-image-1", "prompt": ""}),
    ("images", {"model": "gpt-image-1", "prompt": "x", "n": 11}),
    ("images", {"model": "gpt-image-1", "prompt": "x", "size": "9999x9999"}),
    ("images", {"model": "gpt-image-1", "prompt": "x", "response_format": "url"}),
    ("images", {"model": "gpt-image-1", "prompt": "x", "stream": True, "partial_images": 4}),
    ("images", {"model": "dall-e-3", "prompt": "x", "n": 2}),
    ("images", {"model": "dall-e-3", "prompt": "x", "stream": True}),
    ("images", {"model": "gpt-4o", "prompt": "x"}),
    ("sound", {"model": "whisper", "file": ("a.wav", b"")}),
    ("sound", {"model": "whisper", "file": FILE, "stream": True}),
    ("sound", {"model": "gpt-4o-transcribe", "file": FILE, "response_format": "srt"}),
    ("sound", {"model": "whisper", "file": ("a.mp3", bytes(16_000 * 1_501))}),
    ("sound", {"model": "gpt-4o", "file": FILE}),
]


async def test_images_and_sound_are_bounded(shared: Bench) -> None:
    client = await shared.openai()
    for kind, body in OTHERS:
        call: Any = (
            client.images.generate if kind == "images" else client.audio.transcriptions.create
        )
        with pytest.raises(openai.BadRequestError):
            await call(**body)


BOUNDARY = b"--b\r\nContent-Disposition: form-data; name="
FORMS: list[tuple[str, bytes]] = [
    ("application/json", b"{}"),
    ("multipart/form-data", b""),
    ("multipart/form-data; boundary=b", b""),
    ("multipart/form-data; boundary=b", BOUNDARY + b'"model"\r\n\r\nwhisper'),
    ("multipart/form-data; boundary=b", BOUNDARY + b'"model"\r\n\r\nwhisper\r\n--b--'),
    ("multipart/form-data; boundary=b", b"--b\r\nno head\r\n--b--"),
    ("multipart/form-data; boundary=b", b"--b\r\nx: y\r\n\r\nvalue\r\n--b--"),
    ("multipart/form-data; boundary=b", (BOUNDARY + b'"a"\r\n\r\n1\r\n') * 65 + b"--b--"),
]


async def test_forms_that_cannot_be_read_are_refused(shared: Bench) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        for kind, content in FORMS:
            headers = {"api-key": key_of("contoso-prod"), "content-type": kind}
            url = f"{shared.url}/openai/v1/audio/transcriptions"
            answer = await client.post(url, content=content, headers=headers)
            assert (answer.status_code, answer.json()["error"]["type"]) == (
                400,
                "invalid_request_error",
            )
