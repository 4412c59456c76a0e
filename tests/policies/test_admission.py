"""Admission at the gateway: asked once per subscription and a short while, then obeyed."""

import json
from typing import Any

import pytest

from tests.policies.gateway import Gateway
from tests.policies.requests import CHAT, CHAT_ANSWER, answer, run, stream

KEY = "metering-admission/sub-1"
ALLOW = {"subscription": "sub-1", "verdict": "allow", "cache_s": 30, "models": {}}
BLOCK = {
    "subscription": "sub-1",
    "verdict": "block",
    "reason": "quota_exceeded",
    "remaining": "0",
    "resets_at": "2026-12-01T00:00:00Z",
    "retry_after_s": 3600,
    "cache_s": 30,
    "models": {},
}
DOWN = {"verdict": "downgrade", "to": "gpt-4o-mini", "reason": "quota_exceeded"}


def admitted(gateway: Gateway, document: object, policy: str = "chat-completions", **more: Any) -> Any:
    """Run a request where the service answers with a document, fail-open unless told otherwise."""
    reply = answer(document) if isinstance(document, dict) else document
    return run(gateway, policy, **({"values": "open", "admission": reply} | more))


def problem(done: Any) -> Any:
    assert done["end"] == "returned"
    assert done["response"]["headers"]["content-type"] == "application/problem+json"
    said = json.loads(done["response"]["body"])
    assert said["status"] == done["response"]["status"]
    return said


def test_nobody_is_asked_unless_the_operator_says_so(gateway: Gateway) -> None:
    done = run(gateway, admission=answer(BLOCK))
    assert (done["end"], done["asked"], done["cached"]) == ("outbound", [], {})


def test_the_service_is_asked_as_the_gateway_with_little_patience(gateway: Gateway) -> None:
    (asked,) = admitted(gateway, ALLOW)["asked"]
    assert asked == {
        "method": "GET",
        "url": "https://metering.example/api/admission/sub-1",
        "timeout": "2",
        "identity": "api://metering",
        "headers": {"accept": "application/json"},
    }


def test_an_app_is_asked_for_by_its_subject_in_one_segment(gateway: Gateway) -> None:
    done = admitted(gateway, ALLOW, overall="foundry", subscription=None, claims={"azp": "a/b"})
    assert done["asked"][0]["url"] == "https://metering.example/api/admission/app%3Aa%2Fb"
    assert list(done["cached"]) == ["metering-admission/app:a/b"]


def test_who_is_allowed_passes_and_the_event_says_so(gateway: Gateway) -> None:
    done = admitted(gateway, ALLOW)
    assert done["end"] == "outbound"
    assert done["events"][0]["event"]["data"]["admission"] == "allow"
    assert "x-metering-downgraded-to" not in done["response"]["headers"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [(30, 30), (1, 1), (0, 1), (-5, 1), (9999, 300), (10**20, 300), ("60", 30), (None, 30)],
)
def test_a_document_is_kept_as_long_as_it_says_within_bounds(
    gateway: Gateway, said: object, kept: int
) -> None:
    document = ALLOW | {"cache_s": said}
    stored = admitted(gateway, document)["cached"][KEY]
    assert (json.loads(stored["value"]), stored["seconds"]) == (document, kept)


def test_a_kept_verdict_is_obeyed_without_asking(gateway: Gateway) -> None:
    done = admitted(gateway, None, cache={KEY: json.dumps(BLOCK)})
    assert (done["asked"], done["cached"], problem(done)["status"]) == ([], {}, 429)


@pytest.mark.parametrize("miss_is_null", [False, True])
def test_a_miss_asks_whichever_way_the_cache_tells_it(gateway: Gateway, miss_is_null: bool) -> None:
    done = admitted(gateway, ALLOW, miss_is_null=miss_is_null)
    assert len(done["asked"]) == 1


BROKEN = [
    None,
    answer({"error": "none"}, 500),
    answer({"title": "Forbidden"}, 403),
    answer("<html>not today</html>", 200),
    answer("[]"),
    answer("null"),
    answer({"verdict": "perhaps"}),
    answer({"verdict": 1}),
    answer({}),
]


@pytest.mark.parametrize("reply", BROKEN)
def test_a_failed_call_lets_pass_where_the_operator_wants_that(
    gateway: Gateway, reply: object
) -> None:
    done = admitted(gateway, reply, values="open")
    assert (done["end"], done["response"]["status"]) == ("outbound", 200)
    assert done["events"][0]["event"]["data"]["admission"] == "unavailable"
    assert done["events"][0]["event"]["data"]["tokens"] == "final"


@pytest.mark.parametrize("reply", BROKEN)
def test_a_failed_call_stops_where_the_operator_wants_that(
    gateway: Gateway, reply: object
) -> None:
    done = admitted(gateway, reply, values="closed")
    assert problem(done)["type"] == "urn:metering:admission:admission_unavailable"
    assert (done["response"]["status"], done["response"]["headers"]["retry-after"]) == (503, "10")
    assert done["forwarded"] is None


def test_a_failure_is_kept_for_ten_seconds_so_that_not_every_request_waits(
    gateway: Gateway,
) -> None:
    stored = admitted(gateway, None)["cached"][KEY]
    assert stored == {"value": '{"failed":true}', "seconds": 10}
    again = admitted(gateway, ALLOW, cache={KEY: stored["value"]}, values="closed")
    assert (again["asked"], again["response"]["status"]) == ([], 503)


@pytest.mark.parametrize(
    ("reason", "status", "retry_after"),
    [
        ("quota_exceeded", 429, "3600"),
        ("rate_limit", 429, "3600"),
        ("credit_exhausted", 402, None),
        ("prepaid_empty", 402, None),
        ("model_not_allowed", 403, None),
        ("unpriced_model", 403, None),
        ("something new / odd", 403, None),
        (None, 403, None),
    ],
)
def test_a_block_answers_with_a_problem_and_the_status_of_its_reason(
    gateway: Gateway, reason: str | None, status: int, retry_after: str | None
) -> None:
    done = admitted(gateway, BLOCK | {"reason": reason})
    assert done["response"]["status"] == status
    assert done["response"]["headers"].get("retry-after") == retry_after
    said = problem(done)
    assert said["instance"] == "urn:uuid:6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"
    assert (said["model"], said["remaining"]) == ("gpt-4o", "0")
    assert said["resets_at"] == "2026-12-01T00:00:00Z"
    assert " " not in said["type"]


def test_a_blocked_request_goes_nowhere_and_is_one_event_without_tokens(gateway: Gateway) -> None:
    done = admitted(gateway, BLOCK, body=CHAT | {"stream": True})
    assert done["forwarded"] is None
    (sent,) = done["events"]
    told = sent["event"]["data"]
    assert (told["status"], told["tokens"], told["admission"]) == (429, "absent", "block")


def test_the_verdict_on_a_model_comes_before_that_on_the_subscription(gateway: Gateway) -> None:
    blocked = {"verdict": "block", "reason": "model_not_allowed"}
    done = admitted(gateway, ALLOW | {"models": {"GPT-4o": blocked}})
    assert problem(done)["status"] == 403
    done = admitted(gateway, BLOCK | {"models": {"gpt-4o": {"verdict": "allow"}}})
    assert done["end"] == "outbound"
    done = admitted(gateway, ALLOW | {"models": {"o3": blocked, "gpt-4o": "nonsense"}})
    assert done["end"] == "outbound"


def downgraded(
    gateway: Gateway, policy: str = "chat-completions", to: str = "gpt-4o-mini", **more: Any
) -> Any:
    return admitted(gateway, ALLOW | {"models": {"gpt-4o": DOWN | {"to": to}}}, policy, **more)


def test_a_downgrade_leads_the_path_to_the_other_deployment(gateway: Gateway) -> None:
    done = downgraded(gateway)
    assert done["forwarded"]["url"] == (
        "https://contoso-ai.openai.azure.com"
        "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21"
    )
    assert json.loads(done["forwarded"]["body"]) == CHAT
    assert done["response"]["headers"]["x-metering-downgraded-to"] == "gpt-4o-mini"
    told = done["events"][0]["event"]["data"]
    assert (told["deployment"], told["requested_model"]) == ("gpt-4o-mini", "gpt-4o")
    assert (told["admission"], told["tokens"]) == ("downgrade", "final")


def test_parameters_of_the_template_stay_as_they_were_sent(gateway: Gateway) -> None:
    template = "/deployments/{deployment-id}/chat/completions?api-version={api-version}"
    done = downgraded(
        gateway,
        operation={"id": "create", "url_template": template},
        matched={"deployment-id": "gpt-4o", "api-version": "2024-10-21"},
    )
    assert done["forwarded"]["url"].endswith("gpt-4o-mini/chat/completions?api-version=2024-10-21")


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ("openai-v1", "/v1/chat/completions"),
        ("openai-v1", "/v1/responses"),
        ("responses", "/v1/responses"),
        ("anthropic-messages", "/v1/messages"),
    ],
)
def test_a_downgrade_leads_the_body_to_the_other_deployment(
    gateway: Gateway, policy: str, path: str
) -> None:
    body = (
        '{"tools":[{"model":"gpt-4o"}],"x":"\\"model\\": \\"gpt-4o\\" 2024-01-01T00:00:00+02:00",'
        ' "model" : "gpt-4o" ,"n":1.10, "y":"😀", "model_":"gpt-4o"}'
    )
    done = downgraded(gateway, policy, path=path, body=body)
    wanted = body.replace('"model" : "gpt-4o"', '"model" : "gpt-4o-mini"')
    assert done["forwarded"]["body"] == wanted
    assert done["events"][0]["event"]["data"]["deployment"] == "gpt-4o-mini"


@pytest.mark.parametrize(
    "body",
    [
        '{"mod\\u0065l":"gpt-4o","stream":false}',
        '{"model":"gpt-4o","model":"gpt-4o"}',
        '{"model":"gpt-4o-mini","model":"gpt-4o"}',
        '{"model":"gpt-4\\u006f"}',
    ],
)
def test_no_way_of_writing_the_model_gets_around_a_downgrade(gateway: Gateway, body: str) -> None:
    sent = downgraded(gateway, "openai-v1", body=body)["forwarded"]["body"]
    assert "gpt-4o-mini" in sent
    pairs = json.loads(sent, object_pairs_hook=lambda found: found)
    assert {value for name, value in pairs if name == "model"} == {"gpt-4o-mini"}


def test_a_downgraded_stream_is_asked_for_its_usage_too(gateway: Gateway) -> None:
    body = {"model": "gpt-4o", "stream": True}
    done = downgraded(gateway, "openai-v1", values="everything", body=body, backend=stream())
    assert json.loads(done["forwarded"]["body"]) == {
        "model": "gpt-4o-mini",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize("body", ["{", {"model": 7}, {}])
def test_where_verdicts_differ_by_model_one_that_cannot_be_read_does_not_pass(
    gateway: Gateway, body: object
) -> None:
    done = downgraded(gateway, "openai-v1", body=body)
    assert problem(done)["type"] == "urn:metering:admission:model_unreadable"
    assert done["response"]["status"] == 400
    assert admitted(gateway, ALLOW, "openai-v1", body=body)["end"] == "outbound"
    files = downgraded(gateway, "openai-v1", body=body, path="/v1/files")
    assert files["end"] == "outbound"


@pytest.mark.parametrize(
    "rule", [{"verdict": {}}, DOWN | {"to": [7]}, {"verdict": "block", "reason": {}}]
)
def test_a_verdict_that_says_nothing_is_as_good_as_none(gateway: Gateway, rule: object) -> None:
    document = ALLOW | {"models": {"gpt-4o": rule}}
    assert admitted(gateway, document)["end"] == "outbound"
    assert admitted(gateway, document, values="closed")["response"]["status"] == 503


def test_what_the_cache_garbled_is_as_good_as_none(gateway: Gateway) -> None:
    assert admitted(gateway, ALLOW, cache={KEY: '{"verd'})["end"] == "outbound"


@pytest.mark.parametrize(
    ("policy", "path"), [("embeddings", None), ("openai-v1", "/v1/embeddings")]
)
def test_embeddings_are_blocked_where_another_model_would_be_put(
    gateway: Gateway, policy: str, path: str | None
) -> None:
    rule = DOWN | {"to": "text-embedding-3-large"}
    models = {"text-embedding-3-small": rule}
    body = {"model": "text-embedding-3-small", "input": "x"}
    more = {"path": path} if path else {}
    done = admitted(gateway, ALLOW | {"models": models}, policy, body=body, **more)
    assert problem(done)["status"] == 429
    assert done["forwarded"] is None


@pytest.mark.parametrize("to", ["", "gpt-4o", "GPT-4O", "../other", "a b", "x" * 65, None])
def test_a_downgrade_to_nowhere_is_a_block(gateway: Gateway, to: Any) -> None:
    assert problem(downgraded(gateway, to=to))["status"] == 429


@pytest.mark.parametrize("verdict", ["block", "downgrade"])
def test_a_downgrade_to_what_is_not_allowed_either_is_a_block(
    gateway: Gateway, verdict: str
) -> None:
    models = {"gpt-4o": DOWN, "gpt-4o-mini": {"verdict": verdict, "to": "gpt-4.1-nano"}}
    assert problem(admitted(gateway, ALLOW | {"models": models}))["status"] == 429


def test_a_downgrade_where_the_path_cannot_be_rewritten_is_a_block(gateway: Gateway) -> None:
    wildcard = {"id": "all", "url_template": "/*"}
    done = downgraded(gateway, operation=wildcard, matched={})
    assert problem(done)["status"] == 429


def test_a_downgraded_request_is_answered_as_the_backend_answers_it(gateway: Gateway) -> None:
    done = downgraded(gateway, backend=answer({"error": {}}, 404))
    assert done["response"]["status"] == 404
    assert done["events"][0]["event"]["data"]["status"] == 404
    assert json.loads(downgraded(gateway)["response"]["body"]) == CHAT_ANSWER
