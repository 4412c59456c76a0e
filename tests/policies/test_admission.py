"""Admission at the gateway: asked once per subscription and a short while, then obeyed."""

import json

import pytest

from tests.policies.exchanges import CHAT, answer, run
from tests.policies.gateway import Gateway
from tests.policies.verdicts import ALLOW, BLOCK, DOWN, KEY, admitted, answered, kept, refusal


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
    ("said", "seconds"),
    [(30, 30), (1, 1), (0, 1), (-5, 1), (9999, 300), (10**20, 300), ("60", 30), (None, 30)],
)
def test_a_document_is_kept_as_long_as_it_says_within_bounds(
    gateway: Gateway, said: object, seconds: int
) -> None:
    document = ALLOW | {"cache_s": said}
    stored = admitted(gateway, document)["cached"][KEY]
    assert json.loads(stored["value"])["document"] == document
    assert stored["seconds"] == seconds


def test_a_kept_verdict_is_obeyed_without_asking(gateway: Gateway) -> None:
    done = answered(gateway, None, cache={KEY: kept(BLOCK)})
    assert (done["asked"], done["cached"], refusal(done)["status"]) == ([], {}, 429)


def test_what_the_cache_kept_too_long_is_asked_for_again(gateway: Gateway) -> None:
    # A tick before the request's own time, and exactly then.
    for ticks in ("639307719001234566", "639307719001234567"):
        late = json.dumps(json.loads(kept(BLOCK)) | {"until": ticks})
        assert admitted(gateway, ALLOW, cache={KEY: late})["end"] == "outbound"
    fresh = json.dumps(json.loads(kept(BLOCK)) | {"until": "639307719001234568"})
    assert refusal(admitted(gateway, ALLOW, cache={KEY: fresh}))["status"] == 429


@pytest.mark.parametrize("miss_is_null", [False, True])
def test_a_miss_asks_whichever_way_the_cache_tells_it(
    gateway: Gateway, miss_is_null: object
) -> None:
    done = admitted(gateway, ALLOW, miss_is_null=miss_is_null)
    assert len(done["asked"]) == 1


BROKEN = [
    None,
    answer({"error": "none"}, 500),
    answer({"verdict": "block"}, 500),
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
    done = answered(gateway, reply, values="open")
    assert (done["end"], done["response"]["status"]) == ("outbound", 200)
    assert done["events"][0]["event"]["data"]["admission"] == "unavailable"
    assert done["events"][0]["event"]["data"]["tokens"] == "final"


@pytest.mark.parametrize("reply", BROKEN)
def test_a_failed_call_stops_where_the_operator_wants_that(gateway: Gateway, reply: object) -> None:
    done = answered(gateway, reply, values="closed")
    assert refusal(done)["code"] == "admission_unavailable"
    assert (done["response"]["status"], done["response"]["headers"]["retry-after"]) == (503, "10")
    assert done["forwarded"] is None


def test_a_failure_is_kept_for_ten_seconds_so_that_not_every_request_waits(
    gateway: Gateway,
) -> None:
    stored = answered(gateway, None)["cached"][KEY]
    assert (json.loads(stored["value"])["document"], stored["seconds"]) == ({"failed": True}, 10)
    again = admitted(gateway, ALLOW, cache={KEY: stored["value"]}, values="closed")
    assert (again["asked"], again["response"]["status"]) == ([], 503)


@pytest.mark.parametrize(
    ("reason", "status", "retry_after"),
    [
        ("quota_exceeded", 429, "3600"),
        ("held", 429, "3600"),
        ("scheduled", 429, "3600"),
        ("spike", 429, "3600"),
        ("rate_limit", 429, "3600"),
        ("credit_exhausted", 402, None),
        ("prepaid_empty", 402, None),
        ("model_not_allowed", 403, None),
        ("unpriced_model", 403, None),
        ("something new / odd", 403, None),
        (None, 403, None),
    ],
)
def test_a_block_answers_with_an_error_and_the_status_of_its_reason(
    gateway: Gateway, reason: str | None, status: int, retry_after: str | None
) -> None:
    done = admitted(gateway, BLOCK | {"reason": reason})
    assert done["response"]["status"] == status
    assert done["response"]["headers"].get("retry-after") == retry_after
    said = refusal(done)
    assert (said["model"], said["remaining"]) == ("gpt-4o", "0")
    assert said["resets_at"] == "2026-12-01T00:00:00Z"
    assert said["code"] == (reason or "blocked")
    body = json.loads(done["response"]["body"])
    assert body["request_id"] == "6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"


def test_a_blocked_request_goes_nowhere_and_is_one_event_without_tokens(gateway: Gateway) -> None:
    done = admitted(gateway, BLOCK, body=CHAT | {"stream": True})
    assert done["forwarded"] is None
    (sent,) = done["events"]
    told = sent["event"]["data"]
    assert (told["status"], told["tokens"], told["admission"]) == (429, "absent", "block")


def test_the_verdict_on_a_model_comes_before_that_on_the_subscription(gateway: Gateway) -> None:
    blocked = {"verdict": "block", "reason": "model_not_allowed"}
    done = admitted(gateway, ALLOW | {"models": {"GPT-4o": blocked}})
    assert refusal(done)["status"] == 403
    done = admitted(gateway, BLOCK | {"models": {"gpt-4o": {"verdict": "allow"}}})
    assert done["end"] == "outbound"
    done = admitted(gateway, ALLOW | {"models": {"o3": blocked, "gpt-4o": "nonsense"}})
    assert done["end"] == "outbound"


@pytest.mark.parametrize(
    "rule", [{"verdict": {}}, DOWN | {"to": [7]}, {"verdict": "block", "reason": {}}]
)
def test_a_verdict_that_says_nothing_is_as_good_as_none(gateway: Gateway, rule: object) -> None:
    document = ALLOW | {"models": {"gpt-4o": rule}}
    assert admitted(gateway, document)["end"] == "outbound"
    assert admitted(gateway, document, values="closed")["response"]["status"] == 503


def test_what_the_cache_garbled_is_as_good_as_none(gateway: Gateway) -> None:
    assert admitted(gateway, ALLOW, cache={KEY: '{"unti'})["end"] == "outbound"
    broken = json.dumps({"until": "soon", "document": BLOCK, "answers": {}})
    assert admitted(gateway, ALLOW, cache={KEY: broken})["end"] == "outbound"
