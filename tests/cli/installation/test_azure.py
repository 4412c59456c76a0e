"""`metering azure`: the checks before and after a deployment, against stand-ins on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from metering.core.installation.preflight import PROVIDERS
from tests.core.installation.test_deployment_parameters import ACCOUNT, SET
from tests.doubles.arm import ArmPeer, Fault
from tests.doubles.arm.api_management import SERVICE_ID, put_service

if TYPE_CHECKING:
    from tests.cli.conftest import Metering, Ran

SUBSCRIPTION: Final = "00000000-0000-0000-0000-00000000aaaa"
PLACE: Final = f"/subscriptions/{SUBSCRIPTION}"
PARAMETERS: Final = Path(__file__).parents[3] / "bicep" / "main.prod.bicepparam"
POLICIES: Final = f"{PLACE}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"


def _listed(peer: ArmPeer, path: str, items: list[dict[str, Any]]) -> None:
    peer.put(f"{PLACE}{path}", {"value": items})


@pytest.fixture
def azure() -> Iterator[ArmPeer]:
    """Return a subscription in which the deployment goes through."""
    with ArmPeer() as peer:
        peer.put(PLACE, {"displayName": "Contoso"})
        registered = [*PROVIDERS, "Microsoft.Network"]
        _listed(
            peer,
            "/providers",
            [{"namespace": name, "registrationState": "Registered"} for name in registered],
        )
        _listed(
            peer,
            "/providers/Microsoft.Authorization/permissions",
            [{"actions": ["*"], "notActions": []}],
        )
        _listed(peer, "/providers/Microsoft.Web/geoRegions", [{"name": "Sweden Central"}])
        _listed(
            peer,
            "/providers/Microsoft.Network/locations/swedencentral/usages",
            [{"name": {"value": "VirtualNetworks"}, "currentValue": 1, "limit": 1000}],
        )
        peer.put(POLICIES, {"contentEvaluationResult": {"policyEvaluations": []}})
        peer.put(ACCOUNT, {"properties": {"customSubDomainName": "a"}})
        put_service(peer)
        yield peer


def preflight(metering: "Metering", azure: ArmPeer, **changes: str) -> "Ran":
    settings = {
        **SET,
        "METERING_ANTHROPIC_MODELS": "[]",
        "METERING_ARM_ENDPOINT": azure.url,
        **changes,
    }
    return metering.run(
        *("azure", "preflight", "--subscription", SUBSCRIPTION, "--parameters", PARAMETERS),
        "--json",
        settings=settings,
    )


def failures(ran: "Ran") -> dict[str, str]:
    return {
        one["check"]: f"{one['detail']}; {one['remedy']}"
        for one in ran.json
        if one["state"] == "fail"
    }


def test_a_deployment_that_would_go_through_passes(metering: "Metering", azure: ArmPeer) -> None:
    ran = preflight(metering, azure)
    assert (ran.code, failures(ran)) == (0, {})
    assert {one["check"] for one in ran.json} == {
        *("network", "subscription", "resource providers", "permissions", "region"),
        *("quotas", "policies", "paths", "model https://a.openai.azure.com"),
    }
    # It asked, and changed nothing.
    assert {one.method for one in azure.requests} == {"GET", "POST"}
    assert {one.path for one in azure.requests if one.method == "POST"} == {POLICIES}


def test_every_obstacle_is_named_with_its_remedy(metering: "Metering", azure: ArmPeer) -> None:
    _listed(
        azure, "/providers", [{"namespace": "Microsoft.Web", "registrationState": "Registered"}]
    )
    _listed(
        azure,
        "/providers/Microsoft.Authorization/permissions",
        [{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}],
    )
    _listed(azure, "/providers/Microsoft.Web/geoRegions", [{"name": "East US"}])
    _listed(
        azure,
        "/providers/Microsoft.Network/locations/swedencentral/usages",
        [{"name": {"value": "PrivateEndpoints"}, "currentValue": 9, "limit": 9}],
    )
    denied = {
        "policyInfo": {"policyDefinitionId": "/providers/policies/no-public-hubs"},
        "evaluationResult": "NonCompliant",
        "effectDetails": {"policyEffect": "Deny"},
    }
    azure.put(POLICIES, {"contentEvaluationResult": {"policyEvaluations": [denied]}})
    azure.put(f"{SERVICE_ID}/apis/theirs", {"properties": {"path": "OpenAI"}})
    azure.put(f"{SERVICE_ID}/apis/metering-anthropic", {"properties": {"path": "anthropic"}})
    models = [
        {"url": "https://b.openai.azure.com", "accountId": ACCOUNT},
        {"url": "https://c.openai.azure.com", "accountId": ACCOUNT + "x"},
        {"url": "https://d.openai.azure.com"},
    ]
    ran = preflight(
        metering,
        azure,
        METERING_APIM_ID=SERVICE_ID,
        METERING_OPENAI_MODELS=json.dumps(models),
    )
    assert ran.code == 1
    found = failures(ran)
    assert "az provider register --namespace Microsoft.App --wait" in found["resource providers"]
    assert "Microsoft.Authorization/locks/write" in found["permissions"]
    assert "swedencentral" in found["region"]
    assert "9 of 9" in found["quota PrivateEndpoints"]
    assert "no-public-hubs" in found["policy on Microsoft.EventHub/namespaces"]
    assert "parameter openAiPath" in found["path openai"]
    assert "path anthropic" not in found
    assert "would answer requests and lose all usage" in found["network"]
    assert "has other hosts: a.openai.azure.com" in found["model https://b.openai.azure.com"]
    assert "does not exist" in found["model https://c.openai.azure.com"]
    assert "names no account" in found["model https://d.openai.azure.com"]


def test_what_cannot_be_asked_fails_and_hides_no_other(
    metering: "Metering", azure: ArmPeer
) -> None:
    azure.faults.append(Fault(403, "permissions", times=99))
    found = failures(preflight(metering, azure))
    assert set(found) == {"permissions"}
    assert "cannot be checked" in found["permissions"]
    azure.faults.append(Fault(401, PLACE, times=99))
    found = failures(preflight(metering, azure))
    assert set(found) == {"subscription"}


def test_a_trial_in_the_public_network_asks_no_quota(metering: "Metering", azure: ArmPeer) -> None:
    dev = PARAMETERS.with_name("main.dev.bicepparam")
    ran = metering.run(
        *("azure", "preflight", "--subscription", SUBSCRIPTION, "--parameters", dev, "--json"),
        settings={"METERING_ARM_ENDPOINT": azure.url},
    )
    assert (ran.code, "quotas" in {one["check"] for one in ran.json}) == (0, False)
    azure.put(ACCOUNT, {"properties": {"endpoint": "https://a.openai.azure.com/"}})
    assert preflight(metering, azure).code == 0


def test_without_models_there_is_a_warning(metering: "Metering", azure: ArmPeer) -> None:
    ran = preflight(metering, azure, METERING_OPENAI_MODELS="[]", METERING_APIM_ID="")
    assert ran.code == 0
    reached = {"METERING_APIM_ID": SERVICE_ID, "METERING_GATEWAY_REACHES_NETWORK": "true"}
    (free,) = (one for one in preflight(metering, azure, **reached).json if one["check"] == "paths")
    assert free["detail"] == "openai, anthropic, metering are free at the gateway"
    assert [one["check"] for one in ran.json if one["state"] == "warn"] == ["models"]


def test_parameters_that_are_not_set_are_named(metering: "Metering", azure: ArmPeer) -> None:
    ran = metering.run(
        *("azure", "preflight", "--subscription", SUBSCRIPTION, "--parameters", PARAMETERS),
        settings={"METERING_ARM_ENDPOINT": azure.url},
    )
    assert (ran.code, "METERING_APIM_ID is not set" in ran.stderr) == (1, True)


def test_the_smoke_test_runs_whole_on_this_machine(metering: "Metering") -> None:
    ran = metering.run("azure", "smoke", "--simulate")
    assert ran.code == 0, ran.stdout + ran.stderr
    assert [line.partition("  ")[0].strip() for line in ran.stdout.splitlines()] == ["ok"] * 5


def test_a_smoke_test_needs_a_gateway_and_a_key(metering: "Metering") -> None:
    assert metering.run("azure", "smoke").code == 2
    asked = ("azure", "smoke", "--gateway", "http://example.com/openai", "--model", "m")
    ran = metering.run(*asked, "--tenant", "acme")
    assert (ran.code, "METERING_SMOKE_KEY: is not set" in ran.stderr) == (1, True)
    ran = metering.run(*asked, "--tenant", "acme", settings={"METERING_SMOKE_KEY": "k"})
    assert (ran.code, "is not https://HOST/PATH" in ran.stderr) == (1, True)
    assert "k" not in ran.stdout
