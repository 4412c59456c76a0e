"""Limits on what only the request tells: product, use case, end user, agent, session."""

import json
from typing import Any

import pytest

from tests.policies.exchanges import CHAT, answer, data, token
from tests.policies.gateway import Gateway
from tests.policies.verdicts import ALLOW, BLOCK, KEY, UNTIL, admitted, answered, kept, refusal

HEADERS = {"use_case": "x-use-case", "end_user": "x-end-user", "agent": "x-agent"}


def rule(verdict: str = "block", to: str | None = None, **when: str) -> dict[str, Any]:
    return {
        "when": when,
        "verdict": verdict,
        "reason": "quota_reached",
        "detail": f"tokens a day of {when}: 100 of 100 used",
        "to": to,
        "to_provider": None if to is None else "openai",
        "metric": "tokens",
        "limit": "100",
        "remaining": "0",
        "resets_at": "2026-12-01T00:00:00Z",
        "retry_after_s": 3600 if verdict == "block" else None,
    }


def under(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return ALLOW | {"rules": list(rules), "serves": {}, "ask": []} | more


@pytest.mark.parametrize("name", ["use_case", "end_user", "agent", "session"])
def test_who_is_named_is_refused_and_others_are_not(gateway: Gateway, name: str) -> None:
    header = HEADERS.get(name, "x-session")
    document = under(rule(**{name: "ada"}))
    done = admitted(gateway, document, headers={header: " ada "})
    assert refusal(done)["status"] == 429
    assert "100 of 100 used" in refusal(done)["message"]
    for other in ({header: "bob"}, {header: "Ada"}, {}):
        assert admitted(gateway, document, headers=other)["end"] == "outbound"


def test_the_product_is_the_gateways_own(gateway: Gateway) -> None:
    document = under(rule(product="ai-platform"))
    assert refusal(admitted(gateway, document))["status"] == 429
    other = admitted(gateway, document, product={"id": "other"})
    assert other["end"] == "outbound"
    assert admitted(gateway, document, product=None)["end"] == "outbound"


@pytest.mark.parametrize(
    "value", ["2026-12-01T00:00:00Z", "a&b=c", "ü/%41", '"quoted"', "\\", "*", "x" * 256]
)
def test_a_name_is_compared_as_it_is_written(gateway: Gateway, value: str) -> None:
    document = under(rule(end_user=value))
    assert refusal(admitted(gateway, document, headers={"x-end-user": value}))["status"] == 429
    assert admitted(gateway, document, headers={"x-end-user": "ada"})["end"] == "outbound"


def test_a_name_is_cut_as_the_event_cuts_it(gateway: Gateway) -> None:
    document = under(rule(end_user="x" * 256))
    done = admitted(gateway, document, headers={"x-end-user": "x" * 300})
    assert refusal(done)["status"] == 429
    assert done["events"][0]["event"]["data"]["end_user"] == "x" * 256


def test_a_user_and_a_model_must_both_be_those_of_the_rule(gateway: Gateway) -> None:
    document = under(rule(end_user="ada", model="gpt-4o"), serves={"chat": "gpt-4o"})

    def ends(user: str, deployment: str) -> str:
        path = f"/deployments/{deployment}/chat/completions"
        done = admitted(gateway, document, headers={"x-end-user": user}, path=path)
        return str(done["end"])

    assert ends("ada", "gpt-4o") == ends("ada", "GPT-4o") == ends("ada", "chat") == "returned"
    assert ends("bob", "gpt-4o") == ends("ada", "o3") == "outbound"


def test_of_all_that_apply_the_strictest_decides_and_of_equal_ones_the_last_to_reset(
    gateway: Gateway,
) -> None:
    later = rule(end_user="ada") | {"resets_at": "2027-01-01T00:00:00Z"}
    headers = {"x-end-user": "ada"}
    for rules in ([later, rule(end_user="ada")], [rule(end_user="ada"), later]):
        done = admitted(gateway, under(*rules), headers=headers)
        assert refusal(done)["resets_at"] == "2027-01-01T00:00:00Z"
    down = rule("downgrade", "gpt-4o-mini", end_user="ada")
    for rules in ([down, rule(end_user="ada")], [rule(end_user="ada"), down]):
        assert refusal(admitted(gateway, under(*rules), headers=headers))["status"] == 429
    # The model's own verdict counts with them.
    own = {"models": {"gpt-4o": BLOCK | {"reason": "model_not_allowed"}}}
    done = admitted(gateway, under(down, **own), headers=headers)
    assert refusal(done)["status"] == 403


def test_a_rule_downgrades_those_that_it_names(gateway: Gateway) -> None:
    document = under(rule("downgrade", "gpt-4o-mini", end_user="ada"))
    headers = {"x-end-user": "ada"}
    done = admitted(gateway, document, headers=headers)
    assert done["response"]["headers"]["x-metering-downgraded-to"] == "gpt-4o-mini"
    # Who asks for that model anyway is not led away from it.
    path = "/deployments/gpt-4o-mini/chat/completions"
    done = admitted(gateway, document, headers=headers, path=path)
    assert "x-metering-downgraded-to" not in done["response"]["headers"]
    # Not to where that user may not go either, nor to another provider's API.
    closed = under(*document["rules"], rule(end_user="ada", model="gpt-4o-mini"))
    assert refusal(admitted(gateway, closed, headers=headers))["status"] == 429
    body = CHAT | {"model": "claude"}
    done = admitted(gateway, document, "anthropic-messages", headers=headers, body=body)
    assert json.loads(done["response"]["body"])["error"]["type"] == "rate_limit_error"


def test_a_downgrade_is_a_block_for_models_that_cannot_go_there(gateway: Gateway) -> None:
    down = rule("downgrade", "gpt-4o-mini", end_user="ada")
    headers = {"x-end-user": "ada"}
    closed = under(down, closed={"gpt-4o-mini": ["GPT-4o"], "o3": ["gpt-4o"]})
    assert refusal(admitted(gateway, closed, headers=headers))["status"] == 429
    other = under(down, closed={"gpt-4o-mini": ["o3"]})
    done = admitted(gateway, other, headers=headers)
    assert done["response"]["headers"]["x-metering-downgraded-to"] == "gpt-4o-mini"


def test_a_model_that_cannot_be_read_does_not_get_around_a_rule_on_it(gateway: Gateway) -> None:
    document = under(rule(end_user="ada", model="gpt-4o"))
    done = admitted(gateway, document, "openai-v1", body="{", headers={"x-end-user": "ada"})
    assert refusal(done)["code"] == "model_unreadable"
    done = admitted(gateway, document, "openai-v1", body="{", headers={"x-end-user": "bob"})
    assert done["end"] == "outbound"


def test_a_document_that_asks_is_asked_again_with_the_values_of_the_request(
    gateway: Gateway,
) -> None:
    asking = under(ask=["use_case", "end_user"])
    own = ALLOW | {"rules": [rule()], "cache_s": 5}
    headers = {"x-end-user": "ü/1"}
    done = admitted(gateway, ALLOW, headers=headers, admission=[answer(asking), answer(own)])
    assert refusal(done)["status"] == 429
    assert [asked["url"] for asked in done["asked"]] == [
        "https://metering.example/api/admission/sub-1",
        "https://metering.example/api/admission/sub-1?use_case=&end_user=%C3%BC%2F1",
    ]
    # Kept under a key that includes the values, no longer than the document.
    stored = done["cached"][KEY]
    answers = json.loads(stored["value"])["answers"]
    assert (list(answers), stored["seconds"]) == (["use_case=&end_user=%C3%BC%2F1"], 30)
    again = answered(gateway, None, headers=headers, cache={KEY: stored["value"]})
    assert (again["asked"], refusal(again)["status"]) == ([], 429)
    # Somebody else's answer is another one.
    other = admitted(gateway, ALLOW | {"rules": []}, cache={KEY: stored["value"]})
    assert (other["end"], len(other["asked"])) == ("outbound", 1)
    assert list(json.loads(other["cached"][KEY]["value"])["answers"]) == [
        "use_case=&end_user=%C3%BC%2F1",
        "use_case=&end_user=",
    ]


def test_an_answer_is_asked_for_again_when_it_is_old(gateway: Gateway) -> None:
    old = json.loads(kept(under(ask=["end_user"]), **{"end_user=": [rule()]}))
    old["answers"]["end_user="]["until"] = "639307719001234567"
    done = admitted(gateway, ALLOW | {"rules": []}, cache={KEY: json.dumps(old)})
    assert (done["end"], len(done["asked"])) == ("outbound", 1)


def test_at_most_a_hundred_answers_are_kept_the_latest_ones(gateway: Gateway) -> None:
    entry = json.loads(kept(under(ask=["end_user"])))
    entry["answers"] = {
        f"end_user=u-{number}": {"until": UNTIL, "rules": []} for number in range(100)
    }
    done = admitted(
        gateway,
        ALLOW | {"rules": []},
        cache={KEY: json.dumps(entry)},
        headers={"x-end-user": "u-100"},
    )
    answers = list(json.loads(done["cached"][KEY]["value"])["answers"])
    assert answers == [f"end_user=u-{number}" for number in range(1, 101)]


@pytest.mark.parametrize("reply", [None, answer({}, 500), answer(ALLOW), answer("<html>")])
def test_without_an_answer_on_the_request_the_operators_choice_holds(
    gateway: Gateway, reply: object
) -> None:
    replies = [answer(under(ask=["end_user"])), reply]
    done = answered(gateway, replies)
    assert done["end"] == "outbound"
    done = answered(gateway, replies, values="closed")
    assert refusal(done)["status"] == 503
    # What the subscription may not do at all stays so.
    blocked = [answer(BLOCK | {"ask": ["end_user"]}), reply]
    assert refusal(answered(gateway, blocked))["status"] == 429


def test_names_that_no_question_can_hold_are_refused(gateway: Gateway) -> None:
    long = dict.fromkeys(("x-use-case", "x-end-user", "x-agent", "x-session"), "ü" * 256)
    long |= {"x-use-case": "語" * 256, "x-end-user": "語" * 256, "x-agent": "語" * 256}
    asking = under(ask=["use_case", "end_user", "agent", "session"])
    done = admitted(gateway, asking, headers=long)
    assert (refusal(done)["status"], refusal(done)["code"]) == (400, "names_too_long")
    assert len(done["asked"]) == 1


def test_agent_and_session_are_told_by_header_or_by_the_claim_that_is_named(
    gateway: Gateway,
) -> None:
    headers = {"x-agent": "coder", "x-session": "s-1"}
    told = data(gateway, headers=headers)
    assert (told["agent"], told["session"]) == ("coder", "s-1")
    claims = {"agent": "reviewer", "sid": "s-2", "azp": "app-1"}
    told = data(gateway, values="claims", overall="foundry", headers=headers, claims=claims)
    assert (told["agent"], told["session"]) == ("reviewer", "s-2")
    # A token that nobody validated names nobody.
    bearer = {"Authorization": f"Bearer {token(agent='reviewer')}"}
    told = data(gateway, values="claims", headers=headers | bearer)
    assert (told["agent"], told["session"]) == ("coder", "s-1")
