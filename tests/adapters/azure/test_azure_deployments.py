"""Azure's list of deployments, read by the unmodified SDK from a peer of Azure Resource Manager."""

import re
import socket
import sys
from collections.abc import Iterator

import pytest

from metering.adapters.azure import arm as arm_module
from metering.adapters.azure.arm import Arm
from metering.adapters.azure.deployments import AzureDeployments
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.deployments.deployment_import import FoundDeployment
from tests.doubles.arm import ArmPeer, Fault
from tests.doubles.arm.cognitive_services import (
    SUBSCRIPTION,
    put_account,
    put_deployment,
    ready,
)

ACCOUNTS = "/providers/Microsoft.CognitiveServices/accounts"


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[ArmPeer]:
    with ArmPeer() as peer:
        yield peer


@pytest.fixture
def peer(shared_peer: ArmPeer) -> ArmPeer:
    """Return a subscription without accounts."""
    shared_peer.clear()
    shared_peer.page_size = 100
    ready(shared_peer)
    return shared_peer


def azure(peer: ArmPeer, **where: str) -> AzureDeployments:
    return AzureDeployments(Arm(peer.url), SUBSCRIPTION, **where)


async def keys(source: AzureDeployments) -> list[str]:
    return [one.key for one in await source.list_deployments()]


async def test_a_deployment_is_read_with_its_model_its_sku_and_its_accounts_region(
    peer: ArmPeer,
) -> None:
    deployments = put_account(peer, "contoso", location="swedencentral")
    put_deployment(peer, deployments, "chat", sku="DataZoneProvisionedManaged", capacity=50)

    assert await azure(peer).list_deployments() == [
        FoundDeployment(
            account="contoso",
            name="chat",
            model="gpt-4o",
            model_version="2024-11-20",
            provider="OpenAI",
            region="swedencentral",
            sku="DataZoneProvisionedManaged",
            capacity=50,
        )
    ]
    assert {seen.headers["authorization"] for seen in peer.requests} == {"Bearer emulator"}


async def test_what_azure_leaves_out_stays_unknown(peer: ArmPeer) -> None:
    deployments = put_account(peer, "contoso")
    peer.put(f"{deployments}/bare", {})
    peer.put(f"{deployments}/half", {"properties": {}})

    found = await azure(peer).list_deployments()

    assert [(one.model, one.sku, one.capacity) for one in found] == [(None, None, None)] * 2


async def test_every_page_of_accounts_and_deployments_is_read(peer: ArmPeer) -> None:
    peer.page_size = 2
    for account in range(3):
        deployments = put_account(peer, f"account-{account}")
        for number in range(5):
            put_deployment(peer, deployments, f"d-{number}")

    found = await keys(azure(peer))

    assert len(found) == 15
    assert found == sorted(set(found))
    # Two pages of accounts, three pages of deployments of each of the three accounts.
    assert len(peer.requests) == 2 + 3 * 3


async def test_only_accounts_that_models_are_deployed_in_are_asked(peer: ArmPeer) -> None:
    put_deployment(peer, put_account(peer, "foundry", kind="AIServices"), "chat")
    put_deployment(peer, put_account(peer, "speech", kind="SpeechServices"), "never")

    assert await keys(azure(peer)) == ["foundry/chat"]


async def test_one_resource_group_or_one_account_can_be_asked(peer: ArmPeer) -> None:
    put_deployment(peer, put_account(peer, "one", group="east"), "chat")
    put_deployment(peer, put_account(peer, "two", group="west"), "chat")
    put_deployment(peer, put_account(peer, "three", group="west"), "chat")

    assert await keys(azure(peer, resource_group="west")) == ["three/chat", "two/chat"]
    assert await keys(azure(peer, account="ONE")) == ["one/chat"]
    assert await keys(azure(peer, resource_group="west", account="two")) == ["two/chat"]


async def test_an_account_that_is_not_there_is_named(peer: ArmPeer) -> None:
    with pytest.raises(
        ConfigurationError, match=f"{SUBSCRIPTION}: account 'nowhere' does not exist"
    ):
        await azure(peer, account="nowhere").list_deployments()


async def test_throttling_is_waited_out_as_azure_says(peer: ArmPeer) -> None:
    put_deployment(peer, put_account(peer, "contoso"), "chat")
    peer.faults.append(Fault(429, ACCOUNTS, times=2, headers={"retry-after": "0.05"}))

    assert await keys(azure(peer)) == ["contoso/chat"]
    assert len(peer.requests) == 4


async def test_throttling_that_says_to_wait_longer_than_we_may_ends_in_time(
    peer: ArmPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arm_module, "LONGEST_S", 0.3)
    peer.faults.append(Fault(429, headers={"retry-after": "3600"}))

    with pytest.raises(RetryableError, match="no answer in time"):
        await azure(peer).list_deployments()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_fault_of_azure_that_stays_may_be_tried_again_later(
    peer: ArmPeer, status: int
) -> None:
    headers = {"retry-after": "0.01"}
    peer.faults.append(Fault(status, times=100, headers=headers))

    with pytest.raises(RetryableError, match=f"subscription {SUBSCRIPTION}: status {status}: "):
        await azure(peer).list_deployments()
    assert len(peer.requests) == 1 + arm_module.RETRIES


@pytest.mark.parametrize(
    ("status", "complaint"),
    [
        (400, "refused with status 400"),
        (401, "signing in failed"),
        (403, "needs the Reader role"),
        (404, "does not exist"),
    ],
)
async def test_what_can_never_work_says_what_to_change(
    peer: ArmPeer, status: int, complaint: str
) -> None:
    peer.faults.append(Fault(status))

    with pytest.raises(ConfigurationError, match=f"resource group ai: .*{complaint}.*A fault"):
        await azure(peer, resource_group="ai").list_deployments()
    assert len(peer.requests) == 1


async def test_a_resource_group_that_is_not_there_is_named(peer: ArmPeer) -> None:
    with pytest.raises(ConfigurationError, match="resource group nowhere: does not exist"):
        await azure(peer, resource_group="nowhere").list_deployments()


async def test_an_answer_that_is_no_json_may_be_tried_again_later(peer: ArmPeer) -> None:
    peer.faults.append(Fault(200, body="<html>a proxy</html>"))

    with pytest.raises(RetryableError, match=SUBSCRIPTION):
        await azure(peer).list_deployments()


async def test_an_answer_that_does_not_come_is_given_up(
    peer: ArmPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arm_module, "READ_TIMEOUT_S", 0.1)
    monkeypatch.setattr(arm_module, "RETRIES", 0)
    peer.faults.append(Fault(200, delay_s=5))

    with pytest.raises(RetryableError, match=re.escape(SUBSCRIPTION)):
        await azure(peer).list_deployments()


async def test_nobody_listening_may_be_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm_module, "RETRIES", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RetryableError, match="no connection"):
            await AzureDeployments(Arm(closed), SUBSCRIPTION).list_deployments()


async def test_without_the_sdk_it_says_what_to_install(
    peer: ArmPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.mgmt.cognitiveservices.aio", None)
    with pytest.raises(ConfigurationError, match="install azure-mgmt-cognitiveservices"):
        await azure(peer).list_deployments()


@pytest.mark.parametrize(
    "endpoint", ["http://management.azure.com", "http://127.0.0.1.example.org", "management", ""]
)
def test_a_token_never_travels_without_tls_beyond_this_machine(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_ARM_ENDPOINT: "):
        Arm(endpoint)


def test_a_real_endpoint_enforces_tls_and_asks_for_a_token_of_its_own_cloud() -> None:
    arm = Arm("https://management.usgovcloudapi.net/")
    assert arm.request_options == {}
    assert arm.client_options["credential_scopes"] == [
        "https://management.usgovcloudapi.net/.default"
    ]
