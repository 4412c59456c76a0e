"""Responses that a cache of the gateway gives: requests at no charge, with a mark of their own.

Cache policies stand above these ones; a hit skips the rest of inbound and the backend section.
"""

import json
from typing import Any

import pytest

from metering.app.ingest.ingest import Message, Tally
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from tests.builders import AT
from tests.policies.exchanges import CHAT_ANSWER, CHAT_USAGE, answer, data, event, run, stream
from tests.policies.gateway import Gateway

type System = Any

CACHES = ["response-cache", "semantic-cache"]
POLICIES = ["chat-completions", "responses", "embeddings", "openai-v1", "anthropic-messages"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("overall", CACHES)
def test_a_hit_says_so_and_has_no_usage(gateway: Gateway, policy: str, overall: str) -> None:
    stored = answer(CHAT_ANSWER | {"service_tier": "priority"}, x_ms_region="West Europe")
    told = data(gateway, policy, overall=overall, stored_response=stored)
    assert (told["cache"], told["tokens"], told["status"]) == ("hit", "absent", 200)
    assert told["model"] == "gpt-4o-2024-11-20"
    # All of these are facts about the request whose response was stored.
    assert not {"usage", "hold", "backend", "region", "service_tier", "spillover"} & told.keys()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("overall", CACHES)
def test_a_miss_is_an_ordinary_request(gateway: Gateway, policy: str, overall: str) -> None:
    done = run(gateway, policy, overall=overall)
    (sent,) = done["events"]
    assert "cache" not in sent["event"]["data"]
    assert sent["event"]["data"]["usage"] == CHAT_USAGE


@pytest.mark.parametrize("overall", CACHES)
def test_a_stored_stream_waits_for_no_counts(gateway: Gateway, overall: str) -> None:
    told = data(gateway, overall=overall, stored_response=stream())
    assert (told["cache"], told["tokens"]) == ("hit", "absent")


@pytest.mark.parametrize("values", ["plain", "everything", "pooled"])
def test_a_model_that_was_asked_is_never_called_a_cache(gateway: Gateway, values: str) -> None:
    busy = [answer({"error": {}}, 429), answer()]
    for changes in ({}, {"backend": stream()}, {"backends": busy}):
        assert "cache" not in data(gateway, values=values, **changes)


def test_an_error_or_a_refusal_is_never_called_a_cache(gateway: Gateway) -> None:
    refused = {"source": "quota", "reason": "QuotaExceeded", "status": 403}
    assert "cache" not in data(gateway, refused=refused)
    stored = answer({"error": {}}, 500)
    assert "cache" not in data(gateway, overall="response-cache", stored_response=stored)
    block = {"subscription": "sub-1", "verdict": "block", "reason": "quota", "status": 429}
    kept = {"metering-admission/sub-1": json.dumps(block)}
    assert "cache" not in data(gateway, values="open", cache=kept)


def test_a_verdict_from_the_value_cache_is_no_answer_from_a_cache(gateway: Gateway) -> None:
    kept = {"metering-admission/sub-1": '{"verdict": "allow", "cache_s": 30}'}
    told = data(gateway, values="open", cache=kept)
    assert (told["tokens"], "cache" in told) == ("final", False)


async def test_hits_are_counted_as_requests_at_no_charge(gateway: Gateway, system: System) -> None:
    hit = run(gateway, overall="semantic-cache", stored_response=answer())
    asked = event(gateway, id="6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c12")
    bodies = [*hit["bodies"], json.dumps(asked).encode()]
    messages = [Message(body, "0", number) for number, body in enumerate(bodies)]
    assert await system.ingest.batch(messages) == Tally(accepted=2)
    assert await system.ingest.batch(messages) == Tally(duplicates=2)
    found = await system.read.balance("sub-1", month_of(AT))
    assert (found.total.requests, found.total.from_cache, found.total.missing) == (2, 1, 0)
    # The one that a model answered: 488 x 2.5 + 512 x 1.25 + 100 x 10 = 2,860 per million
    assert format_amount(found.amount) == "0.00286"
