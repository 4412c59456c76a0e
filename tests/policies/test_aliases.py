"""Aliases at the gateway: no way round a limit on a model behind them, and limits of their own."""

import json
from typing import Any

import pytest

from tests.policies.exchanges import CHAT, answer, data
from tests.policies.gateway import Gateway
from tests.policies.test_scopes import rule, under
from tests.policies.verdicts import ALLOW, admitted, refusal

SMART = {"smart": ["gpt-4o", "claude-sonnet-4"]}


def asked(gateway: Gateway, document: object, model: str, **more: Any) -> Any:
    return admitted(gateway, document, "openai-v1", body={**CHAT, "model": model}, **more)


def end(gateway: Gateway, document: object, model: str, **more: Any) -> str:
    return str(asked(gateway, document, model, **more)["end"])


def test_a_rule_on_any_model_behind_an_alias_is_a_rule_on_the_alias(gateway: Gateway) -> None:
    document = under(rule(use_case="faq", model="claude-sonnet-4"), aliases=SMART)
    faq = {"headers": {"x-use-case": "faq"}}
    for model in ("smart", "SMART", "claude-sonnet-4"):
        assert refusal(asked(gateway, document, model, **faq))["status"] == 429
    assert end(gateway, document, "gpt-4o", **faq) == "outbound"
    assert end(gateway, document, "smart") == "outbound"


def test_a_downgrade_to_one_of_the_models_behind_an_alias_leads_there(gateway: Gateway) -> None:
    to_mini = rule("downgrade", to="gpt-4o-mini", model="gpt-4o")
    both = {"smart": ["gpt-4o", "gpt-4o-mini"], "fast": ["gpt-4o-mini"]}
    done = asked(gateway, under(to_mini, aliases=both), "smart")
    assert json.loads(done["forwarded"]["body"])["model"] == "gpt-4o-mini"
    told = done["events"][0]["event"]["data"]
    assert (told["requested_model"], told["deployment"]) == ("smart", "gpt-4o-mini")
    # What leads to nothing else is there already.
    document = under(rule("downgrade", to="gpt-4o-mini", use_case="faq"), aliases=both)
    done = asked(gateway, document, "fast", headers={"x-use-case": "faq"})
    assert json.loads(done["forwarded"]["body"])["model"] == "fast"


def test_a_limit_on_what_is_asked_for_is_none_on_what_serves(gateway: Gateway) -> None:
    document = under(rule(requested_model="smart"), aliases=SMART)
    assert refusal(asked(gateway, document, "Smart"))["status"] == 429
    assert end(gateway, document, "gpt-4o") == "outbound"
    own = under(rule(requested_model="smart", end_user="ada"))
    assert end(gateway, own, "smart", headers={"x-end-user": "ada"}) == "returned"
    assert end(gateway, own, "smart", headers={"x-end-user": "bob"}) == "outbound"
    both = under(rule(requested_model="smart", model="gpt-4o"), aliases=SMART)
    assert end(gateway, both, "smart") == "returned"
    assert end(gateway, both, "gpt-4o") == "outbound"


def test_a_request_that_names_nothing_is_no_way_round_a_limit_on_names(gateway: Gateway) -> None:
    document = under(rule(requested_model="smart"))
    done = admitted(gateway, document, "openai-v1", body={"messages": []})
    assert refusal(done)["status"] == 400


def test_the_gateway_asks_again_with_what_was_asked_for(gateway: Gateway) -> None:
    asking = under(ask=["use_case", "requested_model"])
    own = ALLOW | {"rules": [rule(requested_model="a b")], "aliases": SMART, "cache_s": 5}
    body = {**CHAT, "model": "A b"}
    done = admitted(gateway, ALLOW, "openai-v1", body=body, admission=[answer(asking), answer(own)])
    assert refusal(done)["status"] == 429
    assert done["asked"][1]["url"] == (
        "https://metering.example/api/admission/sub-1?use_case=&requested_model=A%20b"
    )
    # The answer has the aliases of its own rules.
    limited = ALLOW | {"rules": [rule(model="gpt-4o")], "aliases": SMART}
    body = {**CHAT, "model": "smart"}
    replies = [answer(asking), answer(limited)]
    done = admitted(gateway, ALLOW, "openai-v1", body=body, admission=replies)
    assert refusal(done)["status"] == 429


@pytest.mark.parametrize("aliases", [None, {}, {"smart": []}])
def test_a_service_without_aliases_is_obeyed_as_before(gateway: Gateway, aliases: Any) -> None:
    document = under(rule(model="gpt-4o"), aliases=aliases)
    assert end(gateway, document, "gpt-4o") == "returned"
    assert end(gateway, document, "smart") == "outbound"


def test_a_routing_of_ones_own_names_the_deployment_that_it_chose(gateway: Gateway) -> None:
    told = data(gateway, "openai-v1", body={**CHAT, "model": "smart"}, overall="routed")
    names = [told[name] for name in ("requested_model", "model", "deployment", "backend")]
    assert names == ["smart", "gpt-4o-2024-11-20", "gpt-4o-eu", "eu-ai"]
