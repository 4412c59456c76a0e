"""A downgrade: the other deployment in the asked one's place, and a block where that cannot be."""

import json
from typing import Any

import pytest

from tests.policies.exchanges import CHAT, CHAT_ANSWER, answer, stream
from tests.policies.gateway import Gateway
from tests.policies.verdicts import ALLOW, DOWN, admitted, refusal


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
        '{"tools":[{"model":"gpt-4o"}],"w":"5\\" wide",'
        '"x":"\\"model\\": \\"gpt-4o\\" 2024-01-01T00:00:00+02:00",'
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
    assert refusal(done)["code"] == "model_unreadable"
    assert done["response"]["status"] == 400
    assert admitted(gateway, ALLOW, "openai-v1", body=body)["end"] == "outbound"
    files = downgraded(gateway, "openai-v1", body=body, path="/v1/files")
    assert files["end"] == "outbound"


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
    assert refusal(done)["status"] == 429
    assert done["forwarded"] is None


@pytest.mark.parametrize("to", ["", "gpt-4o", "GPT-4O", "../other", "a b", "x" * 65, None])
def test_a_downgrade_to_nowhere_is_a_block(gateway: Gateway, to: Any) -> None:
    assert refusal(downgraded(gateway, to=to))["status"] == 429


@pytest.mark.parametrize("verdict", ["block", "downgrade"])
def test_a_downgrade_to_what_is_not_allowed_either_is_a_block(
    gateway: Gateway, verdict: str
) -> None:
    models = {"gpt-4o": DOWN, "gpt-4o-mini": {"verdict": verdict, "to": "gpt-4.1-nano"}}
    assert refusal(admitted(gateway, ALLOW | {"models": models}))["status"] == 429


def test_a_downgrade_where_the_path_cannot_be_rewritten_is_a_block(gateway: Gateway) -> None:
    wildcard = {"id": "all", "url_template": "/*"}
    done = downgraded(gateway, operation=wildcard, matched={})
    assert refusal(done)["status"] == 429


def test_a_downgraded_request_is_answered_as_the_backend_answers_it(gateway: Gateway) -> None:
    done = downgraded(gateway, backend=answer({"error": {}}, 404))
    assert done["response"]["status"] == 404
    assert done["events"][0]["event"]["data"]["status"] == 404
    assert json.loads(downgraded(gateway)["response"]["body"]) == CHAT_ANSWER
