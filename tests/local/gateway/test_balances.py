"""The providers' own clients through the whole system: the balance is what they were told."""

import json

import pytest
from openai.types.chat import ChatCompletionMessageParam

from metering.core.basics.money import format_amount
from metering.core.usage.buckets import by_name
from tests.local.gateway.bench import MESSAGES, QUESTION, Bench


async def test_a_chat_completion_costs_what_its_usage_says(bench: Bench) -> None:
    client = await bench.openai()
    answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=10)
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (17, 10)
    assert answer.choices[0].finish_reason == "length"
    balance = await bench.balance()
    assert by_name(balance.tokens) == {"input": 17, "output": 10}
    # 17 x 2.5 + 10 x 10 = 142.5 a million
    assert format_amount(balance.amount) == "0.0001425"


async def test_an_answer_without_a_limit_ends_by_itself(bench: Bench) -> None:
    client = await bench.openai()
    answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert answer.usage is not None
    assert answer.choices[0].finish_reason == "stop"
    assert len((answer.choices[0].message.content or "").split()) == answer.usage.completion_tokens


async def test_cached_tokens_of_a_deployment_in_the_path_cost_what_cached_tokens_cost(
    bench: Bench,
) -> None:
    client = await bench.azure()
    long: list[ChatCompletionMessageParam] = [{"role": "user", "content": "word" * 1_025}]
    answer = await client.chat.completions.create(model="gpt-4o", messages=long, max_tokens=10)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    # 1,025 + 4 + 3; the first half of them, in steps of 128
    assert answer.usage.prompt_tokens == 1_032
    assert answer.usage.prompt_tokens_details.cached_tokens == 512
    (event,) = bench.events()
    assert event["data"]["deployment"] == event["data"]["requested_model"] == "gpt-4o"
    # 520 x 2.5 + 512 x 1.25 + 10 x 10 = 2,040 a million
    assert format_amount((await bench.balance()).amount) == "0.00204"


async def test_reasoning_of_a_response_is_output(bench: Bench) -> None:
    client = await bench.openai()
    answer = await client.responses.create(model="o4-mini", input=QUESTION, max_output_tokens=16)
    assert answer.usage is not None
    assert answer.usage.output_tokens_details.reasoning_tokens == 4
    assert len(answer.output_text.split()) == 12
    balance = await bench.balance()
    assert by_name(balance.tokens) == {"input": 17, "output": 12, "reasoning": 4}
    # 17 x 1.1 + 16 x 4.4 = 89.1 a million
    assert format_amount(balance.amount) == "0.0000891"


async def test_embeddings_are_counted_and_the_same_in_both_encodings(bench: Bench) -> None:
    client = await bench.openai()
    model, texts = "text-embedding-3-small", ["word" * 5, "words"]
    coded = await client.embeddings.create(model=model, input=texts)
    plain = await client.embeddings.create(model=model, input=texts, encoding_format="float")
    assert [len(row.embedding) for row in coded.data] == [1_536, 1_536]
    assert coded.data[0].embedding == pytest.approx(plain.data[0].embedding, rel=1e-6)
    assert coded.data[0].embedding != coded.data[1].embedding
    # 5 + 2, twice
    assert coded.usage.prompt_tokens == plain.usage.prompt_tokens == 7
    balance = await bench.balance()
    assert by_name(balance.tokens) == {"input": 14}
    # 14 x 0.02 = 0.28 a million
    assert format_amount(balance.amount) == "0.00000028"


async def test_inputs_given_as_tokens_count_as_many(bench: Bench) -> None:
    client = await bench.openai()
    model = "text-embedding-3-large"
    one = await client.embeddings.create(model=model, input=[1, 2, 3], dimensions=8)
    two = await client.embeddings.create(model=model, input=[[1, 2], [3, 4, 5]])
    assert (one.usage.total_tokens, two.usage.total_tokens) == (3, 5)
    assert (len(one.data[0].embedding), len(two.data[1].embedding)) == (8, 3_072)


async def test_anthropics_cache_stands_beside_the_input(bench: Bench) -> None:
    client = await bench.anthropic()
    # 400 and 4 tokens; a hash of the text says whether the cache had it.
    counted = []
    for text in ("a" * 1_600, "b" * 1_600):
        answer = await client.messages.create(
            model="claude-sonnet",
            max_tokens=10,
            system=[{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": QUESTION}],
        )
        usage = answer.usage
        counted.append(
            (usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens)
        )
        assert usage.output_tokens == 10
    assert counted == [(17, 400, 0), (17, 0, 400)]
    balance = await bench.balance()
    assert by_name(balance.tokens) == {
        "input": 34,
        "cached_read": 400,
        "cache_write": 400,
        "output": 20,
    }
    # 34 x 3 + 400 x 0.3 + 400 x 3.75 + 20 x 15 = 2,022 a million
    assert format_amount(balance.amount) == "0.002022"


async def test_what_is_cached_for_an_hour_costs_more(bench: Bench) -> None:
    client = await bench.anthropic()
    answer = await client.messages.create(
        model="claude-sonnet",
        max_tokens=10,
        messages=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "text",
                        "text": "a" * 1_600,
                        "cache_control": {"type": "ephemeral", "ttl": "1h"},
                    }
                ],
            }
        ],
    )
    assert answer.usage.cache_creation is not None
    assert answer.usage.cache_creation.ephemeral_1h_input_tokens == 400
    # 7 x 3 + 400 x 6 + 10 x 15 = 2,571 a million
    assert format_amount((await bench.balance()).amount) == "0.002571"


async def test_each_key_is_charged_to_its_own_tenant_and_plan(bench: Bench) -> None:
    for subject in ("contoso-prod", "contoso-test", "fabrikam-chat", "app:7d1c6a0e-tailspin"):
        client = await bench.openai(subject)
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=10)
    assert (await bench.balance("contoso")).total.requests == 2
    # the reseller's plan adds 15 %: 142.5 x 1.15 = 163.875 a million
    assert format_amount((await bench.balance("fabrikam")).amount) == "0.000163875"
    assert format_amount((await bench.balance("tailspin")).amount) == "0.000163875"
    assert (await bench.balance("northwind")).total.requests == 0


async def test_events_are_keyed_by_their_subject(bench: Bench) -> None:
    for subject in ("contoso-prod", "fabrikam-chat"):
        client = await bench.openai(subject)
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=10)
    hub = bench.system.hub
    partitions = range(hub.partition_count("usage"))
    received = [event for n in partitions for event in hub.receive("usage", n, None, 10)]
    keys = {event.partition_key: json.loads(event.body)["subject"] for event in received}
    assert keys == {"contoso-prod": "contoso-prod", "fabrikam-chat": "fabrikam-chat"}


async def test_a_subscription_mapped_while_the_gateway_runs_can_call_it(bench: Bench) -> None:
    await bench.system.app.tenancy.map_subject("acme-new", "contoso", None)
    client = await bench.openai("acme-new")
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert bench.events()[0]["subject"] == "acme-new"


async def test_an_event_says_what_a_policy_knows_and_no_text_or_key(bench: Bench) -> None:
    client = await bench.openai(
        default_headers={"x-use-case": "support", "x-end-user": "user-7"},
    )
    answer = await client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, max_tokens=10, service_tier="priority"
    )
    (event,) = bench.events()
    data = event["data"]
    assert event["source"] == "/apim/local"
    assert event["time"] == "2026-11-20T12:00:00Z"
    assert (data["model"], data["requested_model"]) == ("gpt-4o-2024-11-20", "gpt-4o")
    assert (data["service_tier"], answer.service_tier) == ("priority", "priority")
    assert (data["use_case"], data["end_user"]) == ("support", "user-7")
    assert answer.usage is not None
    assert data["usage"]["prompt_tokens"] == answer.usage.prompt_tokens
    assert QUESTION not in str(event)
    assert "local-contoso" not in str(event)
