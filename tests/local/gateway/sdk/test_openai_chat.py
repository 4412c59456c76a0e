"""OpenAI's client, as its documentation shows it: chat completions."""

import asyncio
import json
from typing import Any, Literal

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel, Field

from metering.core.usage.buckets import by_name
from tests.local.gateway.bench import MESSAGES, Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Place(BaseModel):
    city: str
    country: Literal["NO", "PE", "FR"]


class Journey(BaseModel):
    """A schema with a reference to itself, alternatives, bounds and a pattern."""

    places: list[Place] = Field(min_length=2, max_length=3)
    days: int = Field(ge=3, le=9)
    booking: str = Field(pattern=r"^[A-Z]{2}-\d{4}$")
    note: str | None
    onward: "Journey | None"


PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "location": {"type": "string"},
        "unit": {"enum": ["celsius", "fahrenheit"]},
        "days": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
    },
    "required": ["location", "unit", "days"],
    "additionalProperties": False,
}
TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {"name": name, "parameters": PARAMETERS, "strict": True},
    }
    for name in ("get_weather", "book_train")
]


async def test_a_completion_a_stream_and_raw_access_by_the_client_that_blocks(
    shared: Bench,
) -> None:
    def run(client: OpenAI) -> None:
        made = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert made.choices[0].message.content
        stream = client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, max_tokens=5, stream=True
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert text == " ".join((made.choices[0].message.content or "").split()[:5])
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES)
        assert raw.headers["x-request-id"] == raw.parse()._request_id  # noqa: SLF001, documented

    await asyncio.to_thread(run, shared.sync_openai())


async def test_a_tool_is_called_and_its_result_is_answered_in_text(shared: Bench) -> None:
    client = await shared.openai()
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    made = await client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    (choice,) = made.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.tool_calls
    call = choice.message.tool_calls[0]
    assert call.type == "function"
    # Of the two tools the one that the question mentions.
    assert call.function.name == "get_weather"
    arguments = json.loads(call.function.arguments)
    assert arguments.keys() == {"location", "unit", "days"}
    assert made.usage is not None
    # Four characters of arguments are a token.
    calls = [one for one in choice.message.tool_calls if one.type == "function"]
    lengths = [len(one.function.arguments) for one in calls]
    assert made.usage.completion_tokens == sum(-(-length // 4) for length in lengths)

    messages.append(choice.message)
    messages += [
        {"role": "tool", "tool_call_id": one.id, "content": "18"}
        for one in choice.message.tool_calls
    ]
    answered = await client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    assert answered.choices[0].finish_reason == "stop"
    assert answered.choices[0].message.content
    assert shared.event(answered._request_id)["usage"]["prompt_tokens"] > made.usage.prompt_tokens  # noqa: SLF001, documented


async def test_tool_choice_is_obeyed(shared: Bench) -> None:
    client = await shared.openai()

    async def names(question: str, **options: Any) -> list[str]:
        made = await client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": question}],
            tools=TOOLS,
            **options,
        )
        return [one.function.name for one in made.choices[0].message.tool_calls or ()]

    assert await names("Hi", tool_choice="none") == []
    forced = {"type": "function", "function": {"name": "book_train"}}
    assert await names("weather", tool_choice=forced) == ["book_train"]
    allowed = {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [{"type": "function", "function": {"name": "book_train"}}],
        },
    }
    assert set(await names("weather", tool_choice=allowed)) == {"book_train"}
    asked = [f"question {number}" for number in range(12)]
    several = [await names(one, tool_choice="required") for one in asked]
    assert {len(one) for one in several} == {1, 2}
    single = [await names(one, parallel_tool_calls=False) for one in asked]
    assert {len(one) for one in single} == {1}


async def test_the_deltas_of_a_streamed_call_make_its_arguments(shared: Bench) -> None:
    client = await shared.openai()
    async with client.chat.completions.stream(
        model="gpt-4o",
        messages=[{"role": "user", "content": "weather"}],
        tools=TOOLS,
        stream_options={"include_usage": True},
    ) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    assert final.choices[0].message.tool_calls
    assert final.usage is not None
    arguments = final.choices[0].message.tool_calls[0].function.parsed_arguments
    assert isinstance(arguments, dict)
    assert shared.row_of(final.id)["completionTokens"] == final.usage.completion_tokens


async def test_an_answer_fits_the_model_that_parse_is_given(shared: Bench) -> None:
    client = await shared.openai()
    for question in ("Plan a journey", "Plan another", "And a third"):
        made = await client.chat.completions.parse(
            model="gpt-4o",
            messages=[{"role": "user", "content": question}],
            response_format=Journey,
        )
        journey = made.choices[0].message.parsed
        assert isinstance(journey, Journey)
        assert 2 <= len(journey.places) <= 3
    with pytest.raises(openai.LengthFinishReasonError):
        await client.chat.completions.parse(
            model="gpt-4o", messages=MESSAGES, response_format=Journey, max_completion_tokens=3
        )
    plain = await client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "Answer in JSON"}],
        response_format={"type": "json_object"},
    )
    assert isinstance(json.loads(plain.choices[0].message.content or ""), dict)


async def test_tools_of_pydantic_models_are_parsed(shared: Bench) -> None:
    client = await shared.openai()
    made = await client.chat.completions.parse(
        model="gpt-4.1",
        messages=[{"role": "user", "content": "Plan a journey"}],
        tools=[openai.pydantic_function_tool(Journey)],
        tool_choice="required",
    )
    calls = made.choices[0].message.tool_calls
    assert calls
    assert all(isinstance(one.function.parsed_arguments, Journey) for one in calls)


async def test_each_of_several_choices_is_counted_and_the_prompt_once(shared: Bench) -> None:
    client, before = await shared.openai(), await shared.balance()
    made = await client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, n=3, max_completion_tokens=10
    )
    assert [choice.index for choice in made.choices] == [0, 1, 2]
    assert made.usage is not None
    # 3 x 10; the prompt has 17.
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (17, 30)
    # 17 x 2.5 + 30 x 10 = 342.5 a million
    assert await shared.cost(before) == "0.0003425"
    whole = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, n=4)
    texts = [choice.message.content or "" for choice in whole.choices]
    assert len(set(texts)) > 1
    assert whole.usage is not None
    assert whole.usage.completion_tokens == sum(len(text.split()) for text in texts)


async def test_streamed_choices_take_turns(shared: Bench) -> None:
    client = await shared.openai()
    stream = await client.chat.completions.create(
        model="gpt-4o",
        messages=MESSAGES,
        n=2,
        max_tokens=4,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    spoken = [
        chunk.choices[0].index
        for chunk in chunks
        if chunk.choices and chunk.choices[0].delta.content
    ]
    assert spoken == [0, 1] * 4
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.completion_tokens == 8
    holds = [event["data"].get("hold") for event in shared.events()]
    # Twice the limit of one.
    assert {"prompt_tokens_estimate": 11, "max_output_tokens": 8} in holds


async def test_stops_limits_and_seeds(shared: Bench) -> None:
    client = await shared.openai()

    async def ask(**options: Any) -> Any:
        made = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **options)
        return made.choices[0], made.usage

    whole, _ = await ask()
    words = whole.message.content.split()
    choice, usage = await ask(stop=[f" {words[5]} {words[6]}", "never"])
    assert choice.message.content == " ".join(words[:5])
    assert (choice.finish_reason, usage.completion_tokens) == ("stop", 5)
    choice, usage = await ask(max_tokens=3)
    assert (choice.finish_reason, usage.completion_tokens) == ("length", 3)
    other, _ = await ask(seed=7)
    again, _ = await ask(seed=7)
    assert other.message.content == again.message.content != whole.message.content
    reasoned = await client.chat.completions.create(
        model="o4-mini", messages=MESSAGES, max_completion_tokens=16
    )
    assert reasoned.usage is not None
    assert reasoned.usage.completion_tokens_details is not None
    # A quarter of 16.
    assert reasoned.usage.completion_tokens_details.reasoning_tokens == 4
    assert by_name((await shared.balance()).tokens)["reasoning"] == 4


async def test_a_custom_tool_has_plain_text(shared: Bench) -> None:
    client = await shared.openai()
    made = await client.chat.completions.create(
        model="gpt-5-mini",
        messages=MESSAGES,
        tools=[{"type": "custom", "custom": {"name": "run_code"}}],
    )
    assert made.choices[0].message.tool_calls
    call = made.choices[0].message.tool_calls[0]
    assert call.type == "custom"
    assert call.custom.input.split()


async def test_pictures_in_a_prompt_are_tokens(shared: Bench) -> None:
    client = await shared.openai()
    messages: list[ChatCompletionMessageParam] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is on it?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ],
        }
    ]
    made = await client.chat.completions.create(model="gpt-4o", messages=messages)
    assert made.usage is not None
    # 14 characters are 4; the picture 85; 4 for the message and 3 for the reply
    assert made.usage.prompt_tokens == 96
