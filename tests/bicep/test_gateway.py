"""What is deployed to the gateway is what the policies need."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.bicep.bicep_text import MODULES, modules, resources, text_of, variables
from tests.policies.platform_rules import faults_of
from tests.policies.policy_text import (
    Expressions,
    all_nodes,
    fragment_id,
    named_values_in,
    policy_files,
    read_policy,
    sections_of,
)
from tools.bicep_syntax import BICEP

GATEWAY: Final = MODULES / "gateway.bicep"
APIS: Final = MODULES / "llm-apis.bicep"
ABOVE: Final = sorted((BICEP / "policies" / "apis").glob("*.xml"))


def test_every_named_value_of_a_policy_is_deployed_and_every_one_that_is_deployed_is_used() -> None:
    used = set().union(*(named_values_in(text_of(path)) for path in [*policy_files(), *ABOVE]))
    assert set(variables(GATEWAY)["values"]) == used


def test_every_named_value_is_explained() -> None:
    page = (BICEP / "policies" / "README.md").read_text(encoding="utf-8")
    for name in variables(GATEWAY)["values"]:
        assert f"| `{name}` |" in page, name


def test_every_fragment_is_deployed_under_the_name_that_policies_include() -> None:
    files = {
        fragment_id(path): f"loadTextContent('../policies/fragments/{path.name}')"
        for path in policy_files()
        if path.parent.name == "fragments"
    }
    assert variables(GATEWAY)["fragments"] == files


def test_the_logger_is_the_one_that_policies_name_and_signs_in_as_the_gateway() -> None:
    logger = resources(GATEWAY)["usageLogger"][1]
    assert logger["name"] == variables(GATEWAY)["values"]["metering-logger"]
    assert logger["properties"]["credentials"] == {
        "name": "usageHub",
        "endpointAddress": "usageHost",
        "identityClientId": "systemAssigned",
    }


def test_fragments_come_after_the_named_values_and_the_logger_that_they_name() -> None:
    assert resources(GATEWAY)["shared"][1]["dependsOn"] == "[\n    named\n    usageLogger\n  ]" or (
        set(resources(GATEWAY)["shared"][1]["dependsOn"]) == {"named", "usageLogger"}
    )


def test_every_policy_stands_at_an_operation() -> None:
    whole = {path.name for path in policy_files() if path.parent.name == "policies"}
    named = re.findall(
        r"^var (\w+) = loadTextContent\('../policies/([\w-]+\.xml)'\)", text_of(APIS), re.MULTILINE
    )
    # The APIs of other providers are the installation's own; their policies are attached by hand.
    others = {"bedrock.xml", "cohere.xml", "gemini.xml", "mistral.xml"}
    assert {file for _, file in named} == whole - others
    operations = variables(APIS)["openAiOperations"] + variables(APIS)["anthropicOperations"]
    assert {operation["policy"] for operation in operations} == {name for name, _ in named}


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/deployments/{deployment-id}/chat/completions", "chatCompletions"),
        ("/deployments/{deployment-id}/embeddings", "embeddings"),
        ("/responses", "responses"),
        ("/v1/*", "openAiV1"),
        ("/v1/messages", "anthropicMessages"),
    ],
)
def test_a_path_has_the_policy_of_its_shape(path: str, policy: str) -> None:
    operations = variables(APIS)["openAiOperations"] + variables(APIS)["anthropicOperations"]
    assert {row["policy"] for row in operations if row["path"] == path} == {policy}


def test_operations_have_names_of_their_own() -> None:
    operations = variables(APIS)["openAiOperations"] + variables(APIS)["anthropicOperations"]
    assert len({(row["api"], row["name"]) for row in operations}) == len(operations)


@pytest.mark.parametrize("path", ABOVE, ids=lambda path: path.name)
def test_a_policy_above_obeys_the_platform_and_starts_with_what_is_above_it(path: Path) -> None:
    sections = sections_of(read_policy(text_of(path), Expressions()))
    assert set(sections) == {"inbound", "backend", "outbound", "on-error"}
    for name, section in sections.items():
        assert section[0]["name"] == "base", name
        assert [fault for node in section for fault in faults_of(node, name)] == []


@pytest.mark.parametrize("api", ["openAiApi", "anthropicApi"])
def test_an_api_signs_in_as_the_gateway_and_keeps_the_callers_key_to_itself(api: str) -> None:
    row = variables(APIS)[api]
    file = BICEP / "policies" / "apis" / re.findall(r"apis/([\w-]+\.xml)", row["policy"])[0]
    steps = list(all_nodes(read_policy(text_of(file), Expressions())))
    removed = {
        step["attributes"]["name"]
        for step in steps
        if step["name"] in {"set-header", "set-query-parameter"}
        and step["attributes"]["exists-action"] == "delete"
    }
    backends = [
        step["attributes"]["backend-id"] for step in steps if step["name"] == "set-backend-service"
    ]
    # A key may come in the header or in the query.
    made = resources(APIS)["made"][1]["properties"]["subscriptionKeyParameterNames"]
    assert made["header"] == "api.keyHeader"
    assert {row["keyHeader"], made["query"]} <= removed
    assert backends == [row["name"]]
    assert [step for step in steps if step["name"] == "authentication-managed-identity"]


def test_the_balance_is_asked_as_the_gateway_for_the_subscription_that_it_verified() -> None:
    document = read_policy(text_of(BICEP / "policies/apis/balance.xml"), Expressions())
    inbound = sections_of(document)["inbound"]
    names = [step["name"] for step in inbound]
    header = next(
        step
        for step in inbound
        if step["name"] == "set-header" and step["attributes"]["name"] == "x-metering-subscription"
    )
    assert header["attributes"]["exists-action"] == "override"
    assert "authentication-managed-identity" in names
    # Without a subscription it answers before it asks.
    assert names.index("choose") < names.index("authentication-managed-identity")
    rewrite = inbound[names.index("rewrite-uri")]["attributes"]
    assert rewrite == {"template": "/api/me/balance", "copy-unmatched-params": "false"}


def test_logs_of_language_models_are_whole_and_have_no_message() -> None:
    logged = resources(APIS)["logged"][1]["properties"]
    assert logged["sampling"] == {"samplingType": "fixed", "percentage": 100}
    assert logged["largeLanguageModel"] == {"logs": "enabled"}
    assert logged["logClientIp"] is False
    sent = resources(MODULES / "gateway-logs.bicep")["setting"][1]["properties"]["logs"]
    assert sent[0] == {"category": "GatewayLlmLogs", "enabled": True}


def test_policies_are_deployed_as_they_are_written() -> None:
    for path in MODULES.glob("*.bicep"):
        for name, (kind, found) in resources(path).items():
            if "/policies@" in kind or "policyFragments@" in kind:
                assert found["properties"]["format"] == "rawxml", (path, name)


@pytest.mark.parametrize("name", ["gateway", "llmApis", "balanceApi", "gatewayLogs"])
def test_another_gateway_is_connected_as_the_first_one_is(name: str) -> None:
    (file, given), (first_file, first) = (
        modules(BICEP / path)[name] for path in ("another-gateway.bicep", "main.bicep")
    )
    assert (file, set(given)) == (first_file, set(first))


def test_another_gateway_has_subjects_of_its_own_unless_it_says_otherwise() -> None:
    text = text_of(BICEP / "another-gateway.bicep")
    assert "param subjectScope 'subscription' | 'gateway' = 'gateway'" in text
