"""Anthropic's client, as its documentation shows it."""

import asyncio
from typing import Any, Literal

import anthropic
import pytest
from anthropic import Anthropic, beta_async_tool
from anthropic.types import MessageParam, ToolParam
from anthropic.types.beta import BetaMessageParam
from pydantic import BaseModel

from metering.core.usage.buckets import by_name
from tests.local.gateway.bench import QUESTION, Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "claude-sonnet"
ASKED: list[MessageParam] = [{"role": "user", "content": QUESTION}]
BETA_ASKED: list[BetaMessageParam] = [{"role": "user", "content": QUESTION}]
WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "The weather of a place",
    "input_schema": {
        "type": "object",
        "properties": {
            "location": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["location", "unit"],
    },
}


class Contact(BaseModel):
    name: str
    plan: Literal["free", "paid"]
    demo_requested: bool
    related: "list[Contact]"


async def test_messages_streams_and_counts_by_the_client_that_blocks(shared: Bench) -> None:
    def run(client: Anthropic) -> None:
        made = client.messages.create(model=MODEL, max_tokens=1_024, messages=ASKED)
        assert made.content[0].type == "text"
        assert made.stop_reason == "end_turn"
        counted = client.messages.count_tokens(model=MODEL, messages=ASKED)
        assert counted.input_tokens == made.usage.input_tokens == 17
        with client.messages.stream(model=MODEL, max_tokens=5, messages=ASKED) as stream:
            text = "".join(stream.text_stream)
            assert stream.get_final_message().stop_reason == "max_tokens"
        assert text == " ".join(made.content[0].text.split()[:5])
        assert [model.id for model in client.models.list()] == ["claude-sonnet", "claude-haiku-4-5"]
        assert client.models.retrieve(MODEL).lifecycle == "active"
        first = client.models.list(limit=1)
        assert [len(page.data) for page in first.iter_pages()] == [1, 1]

    before = len(shared.events())
    await asyncio.to_thread(run, shared.sync_anthropic())
    # One for the message and one for the stream: counting and listing are free.
    assert len(shared.events()) == before + 2


async def test_a_tool_is_used_and_its_result_answered(shared: Bench) -> None:
    client = await shared.anthropic()
    messages: list[Any] = [{"role": "user", "content": "The weather in Paris?"}]
    made = await client.messages.create(
        model=MODEL, max_tokens=1_024, messages=messages, tools=[WEATHER]
    )
    assert made.stop_reason == "tool_use"
    uses = [block for block in made.content if block.type == "tool_use"]
    assert uses
    assert all(use.input.keys() == {"location", "unit"} for use in uses)
    messages.append({"role": "assistant", "content": made.content})
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "18"} for use in uses]
    messages.append({"role": "user", "content": results})
    answered = await client.messages.create(
        model=MODEL, max_tokens=1_024, messages=messages, tools=[WEATHER]
    )
    assert (answered.stop_reason, answered.content[0].type) == ("end_turn", "text")
    event = shared.event(answered._request_id)  # noqa: SLF001, documented
    assert event["usage"]["output_tokens"] == answered.usage.output_tokens


async def test_tool_choice_is_obeyed(shared: Bench) -> None:
    client = await shared.anthropic()
    second: ToolParam = {**WEATHER, "name": "get_time"}

    async def uses(choice: Any) -> list[str]:
        made = await client.messages.create(
            model=MODEL,
            max_tokens=1_024,
            messages=ASKED,
            tools=[WEATHER, second],
            tool_choice=choice,
        )
        return [block.name for block in made.content if block.type == "tool_use"]

    assert await uses({"type": "none"}) == []
    assert await uses({"type": "tool", "name": "get_time"}) == ["get_time"]
    assert await uses({"type": "any"})
    assert len(await uses({"type": "any", "disable_parallel_tool_use": True})) == 1


async def test_the_deltas_of_a_streamed_input_make_it(shared: Bench) -> None:
    client = await shared.anthropic()
    async with client.messages.stream(
        model=MODEL,
        max_tokens=1_024,
        messages=ASKED,
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather"},
    ) as stream:
        parts = [event.partial_json async for event in stream if event.type == "input_json"]
        final = await stream.get_final_message()
    (use,) = final.content
    assert use.type == "tool_use"
    assert use.input.keys() == {"location", "unit"}
    assert len(parts) == final.usage.output_tokens
    assert shared.row_of(final.id)["completionTokens"] == final.usage.output_tokens
    cut = await client.messages.create(
        model=MODEL, max_tokens=2, messages=ASKED, tools=[WEATHER], tool_choice={"type": "any"}
    )
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 2)


async def test_an_answer_fits_the_model_that_parse_is_given(shared: Bench) -> None:
    client = await shared.anthropic()
    made = await client.messages.parse(
        model=MODEL, max_tokens=4_096, messages=ASKED, output_format=Contact
    )
    assert isinstance(made.parsed_output, Contact)
    beta = await client.beta.messages.parse(
        model=MODEL, max_tokens=4_096, messages=BETA_ASKED, output_format=Contact
    )
    assert isinstance(beta.parsed_output, Contact)


async def test_the_tool_runner_ends_with_a_text(shared: Bench) -> None:
    client = await shared.anthropic()
    asked = []

    @beta_async_tool
    async def sum_of(left: int, right: int) -> str:
        """Add two numbers.

        Args:
            left: the first
            right: the second
        """
        asked.append((left, right))
        return str(left + right)

    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=1_024, tools=[sum_of], messages=BETA_ASKED
    )
    messages = [message async for message in runner]
    assert [message.stop_reason for message in messages] == ["tool_use", "end_turn"]
    assert asked
    assert all(isinstance(number, int) for pair in asked for number in pair)
    # The second turn goes on from the first, whose prompt and answer it has in it.
    first, second = (message.usage for message in messages)
    assert second.input_tokens > first.input_tokens + first.output_tokens
    alone = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=1_024, tools=[sum_of], messages=BETA_ASKED, thread=False
    )
    assert (await alone.until_done()).stop_reason == "end_turn"
    lost: Any = {"type": "continue", "previous_message_id": messages[0].id}
    other = await shared.anthropic("fabrikam-chat")
    with pytest.raises(anthropic.NotFoundError):
        await other.beta.messages.create(
            model=MODEL, max_tokens=10, messages=BETA_ASKED, thread=lost
        )


async def test_stop_sequences_end_an_answer(shared: Bench) -> None:
    client = await shared.anthropic()
    whole = await client.messages.create(model=MODEL, max_tokens=2_000, messages=ASKED)
    assert whole.content[0].type == "text"
    words = whole.content[0].text.split()
    made = await client.messages.create(
        model=MODEL, max_tokens=2_000, messages=ASKED, stop_sequences=[f" {words[3]}", "never"]
    )
    assert (made.stop_reason, made.stop_sequence) == ("stop_sequence", f" {words[3]}")
    assert made.usage.output_tokens == 3


async def test_thinking_is_shown_and_counted_as_reasoning(shared: Bench) -> None:
    client = await shared.anthropic("northwind-search")
    thinking: Any = {"type": "enabled", "budget_tokens": 1_024}
    made = await client.messages.create(
        model="claude-haiku-4-5", max_tokens=4_096, messages=ASKED, thinking=thinking
    )
    assert [block.type for block in made.content] == ["thinking", "text"]
    assert made.usage.output_tokens_details is not None
    thought = made.usage.output_tokens_details.thinking_tokens
    assert by_name((await shared.balance("northwind")).tokens)["reasoning"] == thought > 0
    async with client.messages.stream(
        model="claude-haiku-4-5", max_tokens=4_096, messages=ASKED, thinking=thinking
    ) as stream:
        final = await stream.get_final_message()
    shown = [block.model_dump(exclude_none=True) for block in final.content]
    assert shown == [block.model_dump(exclude_none=True) for block in made.content]
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.create(
            model="claude-haiku-4-5", max_tokens=1_024, messages=ASKED, thinking=thinking
        )
