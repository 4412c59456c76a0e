"""What gets no answer: errors in the providers' own words, charged by what was processed."""

from typing import Any

import anthropic
import httpx2
import openai
import pytest

from metering.core.basics.money import format_amount
from metering.local.gateway.keys import key_of
from tests.local.gateway.bench import MESSAGES, QUESTION, Bench

CHAT = "/openai/v1/chat/completions"


async def post(bench: Bench, path: str = CHAT, **options: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.post(f"{bench.url}{path}", **options)


def with_key(subject: str = "contoso-prod") -> dict[str, str]:
    return {"api-key": key_of(subject)}


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (408, openai.APIStatusError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_a_failed_request_is_counted_and_costs_nothing(
    bench: Bench, status: int, raised: type[openai.APIStatusError]
) -> None:
    client = await bench.openai(default_headers={"x-simulate-status": str(status)})
    with pytest.raises(raised) as error:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert error.value.status_code == status
    total = (await bench.balance()).total
    # A request that timed out was processed: it is charged, and nobody knows for how much.
    known = status != 408
    assert (total.requests, total.not_billable, total.missing) == (1, known, not known)
    assert format_amount((await bench.balance()).amount) == "0"
    assert bench.events()[0]["data"]["tokens"] == "absent"


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (408, anthropic.APIStatusError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
async def test_anthropics_errors_are_known_to_its_client(
    bench: Bench, status: int, raised: type[anthropic.APIStatusError]
) -> None:
    client = await bench.anthropic(default_headers={"x-simulate-status": str(status)})
    with pytest.raises(raised) as error:
        await client.messages.create(
            model="claude-sonnet",
            max_tokens=10,
            messages=[{"role": "user", "content": QUESTION}],
        )
    assert isinstance(error.value.body, dict)
    assert error.value.body["type"] == "error"
    assert (await bench.balance()).total.requests == 1


@pytest.mark.parametrize(
    ("status", "amount"), [(400, "0.0000425"), (429, "0"), (500, "0.0000425"), (403, "0")]
)
async def test_an_error_that_carries_counts_is_charged_if_the_service_processed_it(
    bench: Bench, status: int, amount: str
) -> None:
    headers = {"x-simulate-status": str(status), "x-simulate-counted": "true"}
    client = await bench.openai(default_headers=headers)
    with pytest.raises(openai.APIStatusError):
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    # 17 x 2.5 = 42.5 a million
    assert format_amount((await bench.balance()).amount) == amount


async def test_each_attempt_of_a_client_that_retries_is_a_request_of_its_own(
    bench: Bench,
) -> None:
    client = await bench.openai(
        max_retries=3, default_headers={"x-simulate-status": "429, 500, 200"}
    )
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=10)
    events = bench.events()
    assert len({event["id"] for event in events}) == 3
    assert sorted(event["data"]["status"] for event in events) == [200, 429, 500]
    balance = await bench.balance()
    assert (balance.total.requests, balance.total.not_billable) == (3, 2)
    # 17 x 2.5 + 10 x 10 = 142.5 a million, once
    assert format_amount(balance.amount) == "0.0001425"


async def test_anthropics_client_retries_too(bench: Bench) -> None:
    client = await bench.anthropic(max_retries=2, default_headers={"x-simulate-status": "529,200"})
    answer = await client.messages.create(
        model="claude-sonnet", max_tokens=10, messages=[{"role": "user", "content": QUESTION}]
    )
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (17, 10)
    balance = await bench.balance()
    assert (balance.total.requests, balance.total.not_billable) == (2, 1)
    # 17 x 3 + 10 x 15 = 201 a million
    assert format_amount(balance.amount) == "0.000201"


async def test_a_stream_that_fails_before_it_begins_is_not_held(bench: Bench) -> None:
    client = await bench.openai(default_headers={"x-simulate-status": "429"})
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    balance = await bench.balance()
    assert (balance.held_requests, balance.total.not_billable) == (0, 1)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "missing"),
        ({"api-key": "someone"}, "invalid"),
        ({"api-key": key_of("nobody")}, "invalid"),
        ({"Authorization": "Basic bG9jYWw6"}, "missing"),
    ],
)
async def test_without_a_known_key_there_is_nobody_to_charge(
    bench: Bench, headers: dict[str, str], why: str
) -> None:
    answer = await post(bench, headers=headers, json={"model": "gpt-4o", "messages": MESSAGES})
    assert answer.status_code == 401
    assert answer.json()["statusCode"] == 401
    assert why in answer.json()["message"]
    assert answer.headers["www-authenticate"].startswith("AzureApiManagementKey")
    assert bench.events() == []
    # The gateway logs it all the same, and the LLM log has a row that says nothing.
    (row,) = bench.logged("GatewayLlmLogs")
    assert (row["requestId"], row["modelName"], row["totalTokens"]) == ("", "", 0)
    (record,) = bench.logged("GatewayLogs")
    assert record["responseCode"] == 401
    assert "apimSubscriptionId" not in record


async def test_a_key_may_come_in_any_of_the_usual_headers(bench: Bench) -> None:
    key = key_of("contoso-prod")
    for headers in (
        {"api-key": key},
        {"Ocp-Apim-Subscription-Key": key},
        {"x-api-key": key},
        {"Authorization": f"bearer {key}"},
    ):
        answer = await post(bench, headers=headers, json={"model": "gpt-4o", "messages": MESSAGES})
        assert answer.status_code == 200
    assert [event["subject"] for event in bench.events()] == ["contoso-prod"] * 4


BAD_BODIES: list[tuple[bytes, str | None]] = [
    (b'{"model": "gpt-4o", "mess', None),
    (b"[1]", None),
    (b"[" * 100_000, None),
    (b'{"messages": []}', "model"),
    (b'{"model": "gpt-4o", "messages": []}', "messages"),
    (b'{"model": "gpt-4o", "messages": ["hi"]}', "messages[0]"),
    (b'{"model": "gpt-4o", "messages": [{"content": 7}]}', "messages[0].content"),
    (b'{"model": "gpt-4o", "messages": [{"content": "x"}], "max_tokens": 0}', "max_tokens"),
    (b'{"model": "gpt-4o", "messages": [{"content": "x"}], "n": 129}', "n"),
]


async def test_a_body_that_cannot_be_read_is_told_as_azure_openai_does(bench: Bench) -> None:
    for body, param in BAD_BODIES:
        answer = await post(bench, headers=with_key(), content=body)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["type"], error["param"]) == ("invalid_request_error", param)
    total = (await bench.balance()).total
    assert (total.requests, total.not_billable) == (len(BAD_BODIES), len(BAD_BODIES))


async def test_a_body_that_cannot_be_read_is_told_as_anthropic_does(bench: Bench) -> None:
    path = "/anthropic/v1/messages"
    answer = await post(bench, path, headers=with_key(), content=b'{"model"')
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    body = {"model": "claude-sonnet", "messages": [{"role": "user", "content": "x"}]}
    answer = await post(bench, path, headers=with_key(), json=body)
    assert answer.json()["error"]["message"] == "max_tokens: Field required"


async def test_a_body_beyond_all_bounds_is_refused(bench: Bench) -> None:
    answer = await post(bench, headers=with_key(), content=b" " * 5_000_000)
    assert answer.status_code == 413


async def test_an_unknown_deployment_is_not_found(bench: Bench) -> None:
    client = await bench.openai()
    with pytest.raises(openai.NotFoundError) as error:
        await client.chat.completions.create(model="gpt-99", messages=MESSAGES)
    assert error.value.code == "DeploymentNotFound"
    total = (await bench.balance()).total
    assert (total.requests, total.not_billable) == (1, 1)


async def test_a_deployment_answers_its_own_operations_only(bench: Bench) -> None:
    client = await bench.openai()
    for model in ("claude-sonnet", "text-embedding-3-small"):
        with pytest.raises(openai.BadRequestError) as error:
            await client.chat.completions.create(model=model, messages=MESSAGES)
        assert error.value.code == "OperationNotSupported"


async def test_a_path_that_no_api_has_is_not_found(bench: Bench) -> None:
    for path in ("/", "/openai/v1/images/variations", "/openai/v1"):
        answer = await post(bench, path, headers=with_key(), json={})
        assert (answer.status_code, answer.json()["statusCode"]) == (404, 404)


async def test_a_simulation_that_makes_no_sense_is_refused_by_name(bench: Bench) -> None:
    body = {"model": "gpt-4o", "messages": MESSAGES}
    for name, value in (
        ("x-simulate-status", "teapot"),
        ("x-simulate-status", "302"),
        ("x-simulate-latency-ms", "-1"),
        ("x-simulate-latency-ms", "9" * 30),
        ("x-simulate-abort", "after-some"),
    ):
        answer = await post(bench, headers=with_key() | {name: value}, json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)


async def test_a_slow_model_makes_the_request_long(bench: Bench) -> None:
    client = await bench.openai(default_headers={"x-simulate-latency-ms": "80"})
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert bench.events()[0]["data"]["duration_ms"] >= 80
