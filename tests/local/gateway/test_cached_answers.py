"""Responses from a cache of the gateway: requests at no charge, whatever the logs say of them."""

from typing import Any

import pytest

from metering.core.basics.money import format_amount
from tests.local.gateway.bench import MESSAGES, Bench

HIT = {"x-simulate-cache": "hit"}


@pytest.mark.parametrize("options", [{}, {"stream": True}])
async def test_a_stored_response_is_a_request_at_no_charge(
    bench: Bench, options: dict[str, Any]
) -> None:
    client = await bench.openai(default_headers=HIT)
    answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **options)
    if options:
        assert [chunk async for chunk in answer]
    (event,) = bench.events()
    assert (event["data"]["cache"], event["data"]["tokens"]) == ("hit", "absent")
    (row,) = bench.logged("GatewayLogs")
    assert (row["cache"], "backendResponseCode" in row) == ("hit", False)
    balance = await bench.balance()
    assert (balance.total.requests, balance.total.from_cache) == (1, 1)
    assert (balance.total.missing, balance.held_requests, balance.total.unpriced) == (0, 0, 0)
    assert (format_amount(balance.amount), sum(balance.total.tokens)) == ("0", 0)


async def test_a_request_that_a_model_answered_beside_it_is_charged(bench: Bench) -> None:
    client = await bench.openai()
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, extra_headers=HIT)
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=10)
    total = (await bench.balance()).total
    assert (total.requests, total.not_billable, total.from_cache) == (2, 1, 1)
    assert sum(total.tokens) > 0
