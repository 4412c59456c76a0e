"""Streams: held while they run, logged with the counts that the client saw, settled by the log."""

import asyncio
from typing import Any

import httpx2
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from metering.core.basics.money import format_amount
from metering.core.usage.buckets import INPUT_BUCKETS, TOKENS
from metering.local.gateway.gate import Pace
from tests.local.gateway.bench import MESSAGES, PACE, QUESTION, Bench

type Reported = tuple[int, int]
"""What a client was told: tokens of the prompt and of the output."""


async def chat(client: AsyncOpenAI) -> Reported:
    stream = await client.chat.completions.create(
        model="gpt-4o",
        messages=MESSAGES,
        max_tokens=10,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(text.split()) == 10
    usage = chunks[-1].usage
    assert usage is not None
    return usage.prompt_tokens, usage.completion_tokens


async def responses(client: AsyncOpenAI) -> Reported:
    async with client.responses.stream(model="gpt-4o", input=QUESTION) as stream:
        events = [event async for event in stream]
        answer = await stream.get_final_response()
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert [event.sequence_number for event in events if event.type != "response.output_text.delta"]
    assert answer.usage is not None
    assert len(answer.output_text.split()) == answer.usage.output_tokens
    return answer.usage.input_tokens, answer.usage.output_tokens


async def messages(client: AsyncAnthropic) -> Reported:
    async with client.messages.stream(
        model="claude-haiku-4-5", max_tokens=64, messages=[{"role": "user", "content": QUESTION}]
    ) as stream:
        answer = await stream.get_final_message()
    text = "".join(block.text for block in answer.content if block.type == "text")
    assert len(text.split()) == answer.usage.output_tokens
    return answer.usage.input_tokens, answer.usage.output_tokens


async def run(bench: Bench, interface: str) -> Reported:
    if interface == "anthropic":
        return await messages(await bench.anthropic())
    if interface == "azure":
        return await chat(await bench.azure())
    client = await bench.openai()
    return await (chat(client) if interface == "chat" else responses(client))


INTERFACES = pytest.mark.parametrize("interface", ["chat", "azure", "responses", "anthropic"])


@INTERFACES
async def test_a_stream_is_held_until_its_log_arrives(bench: Bench, interface: str) -> None:
    await run(bench, interface)
    balance = await bench.balance()
    assert (balance.held_requests, balance.total.requests) == (1, 0)
    assert balance.held_amount > 0
    (event,) = bench.events()
    data = event["data"]
    # Nobody knows the counts and the model yet that a policy could tell.
    assert data["tokens"] == "pending"
    assert not data.keys() & {"usage", "model", "service_tier", "deployment_type"}
    # The question has 40 bytes; in a message "user" has four more.
    assert data["hold"]["prompt_tokens_estimate"] == (10 if interface == "responses" else 11)


@INTERFACES
async def test_the_log_of_a_stream_has_the_counts_that_the_client_was_told(
    bench: Bench, interface: str
) -> None:
    prompt, output = await run(bench, interface)
    (event,) = bench.events()
    row = bench.tokens_row(event["id"])
    assert (row["promptTokens"], row["completionTokens"]) == (prompt, output)
    assert row["totalTokens"] == prompt + output
    assert row["isStreamCompletion"]
    (record,) = bench.logged("GatewayLogs", event["id"])
    assert "lastError" not in record


@INTERFACES
async def test_the_balance_of_a_stream_is_what_the_client_was_told(
    bench: Bench, interface: str
) -> None:
    prompt, output = await run(bench, interface)
    bench.gateway.pipe.flush()
    await bench.balance()
    # The log's reader sends the complete event to the hub, and that is counted in turn.
    balance = await bench.balance()
    counted = sum(balance.tokens[INPUT_BUCKETS])
    assert (balance.held_requests, balance.total.requests) == (0, 1)
    assert (counted, sum(balance.tokens[TOKENS]) - counted) == (prompt, output)


async def test_a_hold_is_priced_by_what_the_request_may_cost(bench: Bench) -> None:
    await chat(await bench.openai())
    # "user" and the question are 44 bytes: 11 x 2.5 + 10 x 10 = 127.5 a million
    assert format_amount((await bench.balance()).held_amount) == "0.0001275"


async def test_a_stream_whose_client_did_not_ask_for_usage_is_logged_all_the_same(
    bench: Bench,
) -> None:
    client = await bench.openai()
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, max_tokens=10, stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert all(chunk.usage is None for chunk in chunks)
    assert bench.tokens_row(bench.events()[0]["id"])["completionTokens"] == 10


async def test_azures_own_interface_begins_with_a_chunk_without_a_choice(bench: Bench) -> None:
    client = await bench.azure()
    stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices == []
    assert chunks[1].choices[0].delta.role == "assistant"


async def test_a_response_that_its_limit_ends_is_incomplete(bench: Bench) -> None:
    client = await bench.openai()
    stream = await client.responses.create(
        model="o4-mini", input=QUESTION, max_output_tokens=16, stream=True
    )
    *_, last = [event async for event in stream]
    assert last.type == "response.incomplete"
    assert last.response.usage is not None
    assert last.response.usage.output_tokens_details.reasoning_tokens == 4
    assert bench.tokens_row(bench.events()[0]["id"])["completionTokens"] == 16


async def test_anthropics_last_usage_is_the_whole_and_its_first_only_the_prompt(
    bench: Bench,
) -> None:
    client = await bench.anthropic()
    stream = await client.messages.create(
        model="claude-haiku-4-5",
        max_tokens=10,
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
    )
    events = [event async for event in stream]
    first, last = events[0], events[-2]
    assert first.type == "message_start"
    assert last.type == "message_delta"
    assert (first.message.usage.input_tokens, first.message.usage.output_tokens) == (17, 1)
    assert (last.usage.input_tokens, last.usage.output_tokens) == (17, 10)
    assert last.delta.stop_reason == "max_tokens"


#: The shortest answer, 16 words, then takes almost a second.
@pytest.mark.parametrize("pace", [PACE._replace(chunk_ms=50)])
async def test_a_client_that_goes_away_is_charged_for_what_was_made(
    bench: Bench, pace: Pace
) -> None:
    assert pace.chunk_ms == 50
    client = await bench.openai()
    stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    seen = 0
    async for chunk in stream:
        seen += bool(chunk.choices[0].delta.content)
        if seen == 3:
            break
    await stream.close()
    await bench.until(lambda: bool(bench.logged("GatewayLlmLogs")))
    (event,) = bench.events()
    row = bench.tokens_row(event["id"])
    assert row["promptTokens"] == 17
    assert 3 <= row["completionTokens"] <= 8
    (record,) = bench.logged("GatewayLogs", event["id"])
    assert (record["responseCode"], record["lastError"]["reason"]) == (
        200,
        "ClientConnectionFailure",
    )
    balance = await bench.balance()
    assert balance.held_requests == 0
    assert sum(balance.tokens[TOKENS]) == row["totalTokens"]


async def test_a_stream_that_breaks_is_logged_with_what_was_made(bench: Bench) -> None:
    client = await bench.openai()
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, extra_headers={"x-simulate-abort": "3"}
    )
    received: list[Any] = []
    with pytest.raises((httpx2.TransportError, openai.APIConnectionError)):
        received.extend([chunk async for chunk in stream])
    await bench.until(lambda: bool(bench.logged("GatewayLlmLogs")))
    # The first chunk names the role, the next two have a word each.
    assert bench.tokens_row(bench.events()[0]["id"])["completionTokens"] == 2


@pytest.mark.parametrize("pace", [PACE._replace(chunk_ms=200)])
async def test_a_gateway_that_stops_cuts_its_streams_and_logs_them(
    bench: Bench, pace: Pace
) -> None:
    assert pace.chunk_ms == 200
    client = await bench.openai()
    stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    await anext(aiter(stream))
    await asyncio.sleep(0)
    await bench.stop()
    row = bench.tokens_row(bench.events()[0]["id"])
    assert 0 <= row["completionTokens"] < 16
    await stream.close()


@pytest.mark.parametrize("pace", [PACE._replace(latency_ms=60_000)])
async def test_a_gateway_that_stops_cancels_what_goes_on_in_the_background(
    bench: Bench, pace: Pace
) -> None:
    assert pace.latency_ms == 60_000
    client = await bench.openai()
    queued = await client.responses.create(model="gpt-4o", input=QUESTION, background=True)
    await bench.stop()
    assert bench.row_of(queued.id)["totalTokens"] == 0
    balance = await bench.balance()
    assert (balance.held_requests, sum(balance.tokens)) == (1, 0)
