"""The gateway does what admission says before each request."""

from typing import Literal

import openai
import pytest

from metering.core.money import format_amount
from metering.local.gateway.admission import Verdict
from tests.local.gateway.bench import MESSAGES, Bench


async def test_admission_is_asked_for_the_subscription_and_the_model(bench: Bench) -> None:
    client = await bench.openai("fabrikam-chat")
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert bench.asked == [("fabrikam-chat", "gpt-4o")]


@pytest.mark.parametrize("by_path", [True, False])
async def test_a_downgraded_request_is_answered_and_charged_as_the_smaller_model(
    bench: Bench, *, by_path: bool
) -> None:
    bench.verdict = Verdict("downgrade", model="gpt-4o-mini")
    client = await (bench.azure() if by_path else bench.openai())
    answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=10)
    assert answer.model == "gpt-4o-mini-2024-07-18"
    data = bench.events()[0]["data"]
    assert data["deployment"] == ("gpt-4o-mini" if by_path else None)
    assert data["requested_model"] == "gpt-4o"
    # 17 x 0.15 + 10 x 0.6 = 8.55 a million
    assert format_amount((await bench.balance()).amount) == "0.00000855"


@pytest.mark.parametrize("smaller", ["claude-sonnet", "text-embedding-3-small", "gone", None])
async def test_a_downgrade_to_what_cannot_answer_blocks(bench: Bench, smaller: str | None) -> None:
    bench.verdict = Verdict("downgrade", model=smaller)
    client = await bench.openai()
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)


async def test_embeddings_are_never_downgraded(bench: Bench) -> None:
    bench.verdict = Verdict("downgrade", model="text-embedding-3-small")
    client = await bench.openai()
    with pytest.raises(openai.RateLimitError):
        await client.embeddings.create(model="text-embedding-3-large", input="x")


@pytest.mark.parametrize(
    ("status", "raised"), [(429, openai.RateLimitError), (403, openai.PermissionDeniedError)]
)
async def test_a_blocked_request_reaches_no_model_and_costs_nothing(
    bench: Bench, status: Literal[403, 429], raised: type[openai.APIStatusError]
) -> None:
    bench.verdict = Verdict("block", status=status, reason="5 of 5 USD.", retry_after_s=60)
    client = await bench.openai()
    with pytest.raises(raised) as error:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    response = error.value.response
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "60"
    assert (response.json()["status"], response.json()["detail"]) == (status, "5 of 5 USD.")
    total = (await bench.balance()).total
    assert (total.requests, total.not_billable) == (1, 1)
    (record,) = bench.logged("GatewayLogs")
    assert record["responseCode"] == status
    assert "backendResponseCode" not in record


async def test_a_block_may_bring_its_own_problem(bench: Bench) -> None:
    problem = {"type": "/problems/quota", "title": "Quota", "status": 429, "quota": "monthly"}
    bench.verdict = Verdict("block", problem=problem)
    client = await bench.openai()
    with pytest.raises(openai.RateLimitError) as error:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert error.value.response.json() == problem
    assert "retry-after" not in error.value.response.headers
