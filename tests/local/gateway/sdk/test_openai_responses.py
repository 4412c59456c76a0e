"""OpenAI's client, as its documentation shows it: Responses."""

import asyncio
import json
from collections import Counter
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.responses import FunctionToolParam
from pydantic import BaseModel

from tests.local.gateway.bench import QUESTION, Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Step(BaseModel):
    explanation: str
    output: str


class Solution(BaseModel):
    steps: list[Step]
    answer: float


WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"place": {"anyOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]}},
        "required": ["place"],
        "additionalProperties": False,
        "$defs": {
            "place": {
                "type": "object",
                "properties": {"city": {"type": "string", "minLength": 3}, "zone": {"const": 1}},
                "required": ["city", "zone"],
                "additionalProperties": False,
            }
        },
    },
}


async def test_a_response_by_the_client_that_blocks(shared: Bench) -> None:
    def run(client: OpenAI) -> None:
        made = client.responses.create(
            model="gpt-4o", instructions="Talk like an accountant.", input=QUESTION
        )
        assert made.output_text
        assert (made.status, made.instructions) == ("completed", "Talk like an accountant.")
        parts: Any = [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is on it?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                ],
            }
        ]
        assert client.responses.create(model="gpt-4o", input=parts).output_text
        for event in client.responses.create(
            model="gpt-4o", input=QUESTION, stream=True, max_output_tokens=20
        ):
            last = event.type
        assert last == "response.incomplete"

    await asyncio.to_thread(run, shared.sync_openai())


async def test_a_function_is_called_and_its_output_answered(shared: Bench) -> None:
    client = await shared.openai()
    given: list[Any] = [{"role": "user", "content": "The weather in Paris?"}]
    made = await client.responses.create(model="o4-mini", input=given, tools=[WEATHER])
    assert made.output[0].type == "reasoning"
    call = made.output[1]
    assert call.type == "function_call"
    assert json.loads(call.arguments).keys() == {"place"}
    assert made.usage is not None
    assert made.usage.output_tokens_details.reasoning_tokens > 0
    given += made.output
    given += [
        {"type": "function_call_output", "call_id": one.call_id, "output": "18"}
        for one in made.output
        if one.type == "function_call"
    ]
    answered = await client.responses.create(model="o4-mini", input=given, tools=[WEATHER])
    assert answered.output_text
    usage = shared.event(answered._request_id)["usage"]  # noqa: SLF001, documented
    assert usage["output_tokens"] > usage["output_tokens_details"]["reasoning_tokens"] > 0


async def test_streams_of_calls_and_schemas_are_assembled_by_the_client(shared: Bench) -> None:
    client = await shared.openai()
    forced: Any = {"type": "function", "name": "get_weather"}
    async with client.responses.stream(
        model="gpt-4o", input=QUESTION, tools=[WEATHER], tool_choice=forced
    ) as stream:
        kinds = Counter([event.type async for event in stream])
        final = await stream.get_final_response()
    (call,) = final.output
    assert call.type == "function_call"
    assert isinstance(call.parsed_arguments, dict)
    assert final.usage is not None
    deltas = kinds["response.function_call_arguments.delta"]
    assert deltas == final.usage.output_tokens == -(-len(call.arguments) // 4)
    assert shared.row_of(final.id)["completionTokens"] == deltas

    async with client.responses.stream(
        model="gpt-4o", input=QUESTION, text_format=Solution
    ) as stream:
        solved = await stream.get_final_response()
    assert isinstance(solved.output_parsed, Solution)
    parsed = await client.responses.parse(model="o4-mini", input=QUESTION, text_format=Solution)
    assert isinstance(parsed.output_parsed, Solution)
    custom: Any = {"type": "custom", "name": "run_code"}
    spoken = await client.responses.create(
        model="gpt-4o", input=QUESTION, tools=[custom, {"type": "web_search"}], stream=True
    )
    kinds = Counter([event.type async for event in spoken])
    assert kinds["response.custom_tool_call_input.done"] >= 1


async def test_a_conversation_goes_on_from_a_stored_response(shared: Bench) -> None:
    client = await shared.openai()
    first = await client.responses.create(model="gpt-4o", input=QUESTION, max_output_tokens=20)
    second = await client.responses.create(
        model="gpt-4o", input="And two?", previous_response_id=first.id
    )
    assert first.usage is not None
    assert second.usage is not None
    assert second.previous_response_id == first.id
    # The question and its message: 14; the answer of 20 words and the second question beside them.
    answered = -(-len(first.output_text) // 4)
    assert second.usage.input_tokens == 14 + answered + 4 + 2 + 4 + 3
    counted = await client.responses.input_tokens.count(
        model="gpt-4o", input="And two?", previous_response_id=first.id
    )
    assert counted.input_tokens == second.usage.input_tokens
    again = await client.responses.retrieve(first.id)
    assert (again.output_text, again.usage) == (first.output_text, first.usage)
    items = await client.responses.input_items.list(second.id)
    assert [item.type for item in items.data] == ["message"] * 3
    await client.responses.delete(first.id)
    for attempt in (
        client.responses.retrieve(first.id),
        (await shared.openai("fabrikam-chat")).responses.retrieve(second.id),
        client.responses.retrieve("resp_of_nobody"),
    ):
        with pytest.raises(openai.NotFoundError):
            await attempt
    with pytest.raises(openai.BadRequestError) as error:
        await client.responses.create(model="gpt-4o", input="?", previous_response_id=first.id)
    assert error.value.code == "previous_response_not_found"
    with pytest.raises(openai.BadRequestError):
        await client.responses.cancel(second.id)
    unstored = await client.responses.create(model="gpt-4o", input=QUESTION, store=False)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(unstored.id)


async def test_a_response_in_the_background_is_counted_once_when_it_completes(
    shared: Bench,
) -> None:
    client, before = await shared.openai(), await shared.settled()
    queued = await client.responses.create(
        model="gpt-4o", input=QUESTION, max_output_tokens=20, background=True
    )
    assert (queued.status, queued.usage, queued.output) == ("queued", None, [])
    assert shared.event(queued._request_id)["tokens"] == "pending"  # noqa: SLF001, documented
    assert (await shared.balance()).held_requests == before.held_requests + 1
    made = queued
    while made.status in {"queued", "in_progress"}:
        made = await client.responses.retrieve(queued.id)
    assert (made.status, made.background) == ("incomplete", True)
    assert made.usage is not None
    assert made.usage.output_tokens == 20
    await shared.settled()
    after = await shared.settled()
    assert after.total.requests == before.total.requests + 1
    assert after.held_requests == before.held_requests
    # 17 x 2.5 + 20 x 10 = 242.5 a million
    assert await shared.cost(before) == "0.0002425"

    events = [event async for event in await client.responses.retrieve(queued.id, stream=True)]
    assert [events[0].type, events[-1].type] == ["response.queued", "response.incomplete"]
    rest = await client.responses.retrieve(queued.id, stream=True, starting_after=5)
    assert (await anext(aiter(rest))).sequence_number == 6
    streamed = await client.responses.create(
        model="gpt-4o", input=QUESTION, max_output_tokens=16, background=True, stream=True
    )
    seen = [event async for event in streamed]
    assert seen[0].type == "response.queued"


async def test_what_was_cancelled_has_no_usage_and_stays_held(shared: Bench) -> None:
    client, before = await shared.openai(), await shared.settled()
    slow = {"x-simulate-latency-ms": "60000"}
    queued = await client.responses.create(
        model="gpt-4o", input=QUESTION, background=True, extra_headers=slow
    )
    cancelled = await client.responses.cancel(queued.id)
    assert (cancelled.status, cancelled.usage) == ("cancelled", None)
    again = await client.responses.cancel(queued.id)
    assert again.status == "cancelled"
    row = shared.row_of(queued.id)
    # The service tells of no tokens: the request stays held until it counts as missing.
    assert row["totalTokens"] == 0
    after = await shared.balance()
    assert after.held_requests == before.held_requests + 1
    assert after.amount == before.amount
