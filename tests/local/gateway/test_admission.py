"""The gateway obeys the admission document before each request."""

from typing import Any

import anthropic
import openai
import pytest

from metering.core.basics.money import format_amount
from metering.local.gateway.admission import Decision, Requested, decide
from tests.local.gateway.bench import MESSAGES, Bench


async def test_admission_is_asked_for_the_subscription(bench: Bench) -> None:
    client = await bench.openai("fabrikam-chat")
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert bench.asked == [("fabrikam-chat", {})]
    assert bench.events()[0]["data"]["admission"] == "allow"


@pytest.mark.parametrize("by_path", [True, False])
async def test_a_downgraded_request_is_answered_and_charged_as_the_smaller_model(
    bench: Bench, *, by_path: bool
) -> None:
    models = {"gpt-4o": {"verdict": "downgrade", "to": "gpt-4o-mini"}}
    bench.document = {"verdict": "allow", "models": models}
    client = await (bench.azure() if by_path else bench.openai())
    answer = await client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=MESSAGES, max_tokens=10
    )
    assert answer.headers["x-metering-downgraded-to"] == "gpt-4o-mini"
    assert answer.parse().model == "gpt-4o-mini-2024-07-18"
    data = bench.events()[0]["data"]
    assert (data["deployment"], data["requested_model"]) == ("gpt-4o-mini", "gpt-4o")
    # 17 x 0.15 + 10 x 0.6 = 8.55 a million
    assert format_amount((await bench.balance()).amount) == "0.00000855"


async def test_embeddings_are_never_downgraded(bench: Bench) -> None:
    bench.document = {"verdict": "downgrade", "to": "text-embedding-3-small", "reason": "quota"}
    client = await bench.openai()
    with pytest.raises(openai.RateLimitError):
        await client.embeddings.create(model="text-embedding-3-large", input="x")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("quota", 429),
        ("request_limit", 429),
        ("prepaid_exhausted", 402),
        ("no_credit", 402),
        ("model_not_allowed", 403),
    ],
)
async def test_a_blocked_request_reaches_no_model_and_costs_nothing(
    bench: Bench, reason: str, status: int
) -> None:
    bench.document = {
        "verdict": "block",
        "reason": reason,
        "retry_after_s": 60,
        "remaining": "0",
        "resets_at": "2026-12-01T00:00:00Z",
    }
    client = await bench.openai()
    with pytest.raises(openai.APIStatusError) as error:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    response = error.value.response
    assert response.status_code == status
    # Only a window turns by itself: it makes no sense to wait for money or permission.
    assert response.headers.get("retry-after") == ("60" if status == 429 else None)
    (event,) = bench.events()
    assert response.json()["request_id"] == event["id"]
    assert error.value.code == reason
    assert {"model": "gpt-4o", "remaining": "0"}.items() <= response.json()["error"].items()
    assert (event["data"]["admission"], event["data"]["tokens"]) == ("block", "absent")
    total = (await bench.balance()).total
    assert (total.requests, total.not_billable) == (1, 1)
    (record,) = bench.logged("GatewayLogs")
    assert record["responseCode"] == status
    assert "backendResponseCode" not in record


@pytest.mark.parametrize(
    ("reason", "raised", "kind"),
    [
        ("held", anthropic.RateLimitError, "rate_limit_error"),
        ("credit_used_up", anthropic.APIStatusError, "billing_error"),
        ("model_not_allowed", anthropic.PermissionDeniedError, "permission_error"),
    ],
)
async def test_anthropics_client_shows_the_reason_too(
    bench: Bench, reason: str, raised: type[anthropic.APIStatusError], kind: str
) -> None:
    quota = {"metric": "tokens", "limit": "100", "remaining": "0", "retry_after_s": 60}
    resets = {"resets_at": "2026-11-20T12:01:00Z"}
    told = {"verdict": "block", "reason": reason, "detail": "so it is"}
    bench.document = told | quota | resets
    client = await bench.anthropic()
    with pytest.raises(raised) as caught:
        await client.messages.create(
            model="claude-sonnet", max_tokens=10, messages=[{"role": "user", "content": "Hello"}]
        )
    error = caught.value
    assert "so it is" in str(error)
    assert isinstance(error.body, dict)
    assert (error.body["error"]["type"], error.body["error"]["code"]) == (kind, reason)
    limits = {name: error.response.headers.get(name) for name in error.response.headers}
    if reason == "held":
        assert limits["anthropic-ratelimit-tokens-limit"] == "100"
        assert limits["anthropic-ratelimit-tokens-reset"] == "2026-11-20T12:01:00Z"
        assert (limits["retry-after"], limits["x-should-retry"]) == ("60", "true")
    else:
        assert not {name for name in limits if "ratelimit" in name or name == "retry-after"}


@pytest.mark.parametrize(
    ("document", "decision"),
    [
        ({"verdict": "allow"}, "allow"),
        ({}, "allow"),
        ({"verdict": "maybe"}, "allow"),
        ({"verdict": "allow", "models": {"GPT-4O": {"verdict": "block"}}}, "block"),
        ({"verdict": "block", "models": {"gpt-4o": {"verdict": "allow"}}}, "allow"),
        ({"verdict": "block", "models": {"o4-mini": {"verdict": "allow"}}}, "block"),
        ({"verdict": "downgrade", "to": "gpt-4o"}, "block"),
        ({"verdict": "downgrade"}, "block"),
        ({"verdict": "downgrade", "to": "../gpt"}, "block"),
        (
            {
                "verdict": "downgrade",
                "to": "o4-mini",
                "models": {"o4-mini": {"verdict": "block"}},
            },
            "block",
        ),
    ],
)
def test_a_model_has_its_own_verdict_and_a_downgrade_must_lead_somewhere(
    document: dict[str, Any], decision: str
) -> None:
    assert decide(document, Requested("gpt-4o")).verdict == decision


def test_a_rules_downgrade_is_a_block_for_models_that_cannot_go_there() -> None:
    rule = {"when": {}, "verdict": "downgrade", "to": "mini", "to_provider": "openai"}
    document = {"verdict": "allow", "rules": [rule], "closed": {"mini": ["GPT-4o"]}}
    assert decide(document, Requested("gpt-4o")).verdict == "block"
    assert decide(document, Requested("o3")).verdict == "downgrade"
    assert decide(document, Requested("o3", is_anthropic=True)).verdict == "block"


def test_a_downgrade_names_where_it_leads() -> None:
    document = {"verdict": "downgrade", "to": "gpt-4o-mini"}
    assert decide(document, Requested("gpt-4o")) == Decision("downgrade", "gpt-4o-mini", document)
    assert decide(document, Requested("gpt-4o", is_downgradable=False)).verdict == "block"
