"""The rate of a plan at the simulated gateway: a sliding minute, by tenant."""

import openai
import pytest

from metering.local.gateway.rate import Rate
from tests.local.gateway.bench import MESSAGES, Bench


def test_a_minute_slides() -> None:
    clock = [0.0]
    rate = Rate(lambda: clock[0])
    assert [rate.wait_s("acme", 2) for _ in range(2)] == [0, 0]
    clock[0] = 20
    assert rate.wait_s("acme", 2) == 40
    assert rate.wait_s("initech", 2) == 0
    clock[0] = 60
    assert [rate.wait_s("acme", 2) for _ in range(3)] == [0, 0, 60]


async def test_a_client_beyond_the_rate_is_told_to_wait(bench: Bench) -> None:
    bench.document = {"verdict": "allow", "tenant": "contoso", "requests_per_minute": 1}
    client = await bench.openai()
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=5)
    with pytest.raises(openai.RateLimitError, match="Rate limit is exceeded. Try again in") as told:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=5)
    assert 0 < int(told.value.response.headers["retry-after"]) <= 60
    (first, second) = (event["data"]["status"] for event in bench.events())
    assert (first, second) == (200, 429)
