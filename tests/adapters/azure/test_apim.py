"""Subscriptions suspended by the unmodified SDK at a peer of Azure Resource Manager."""

import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest

from metering.adapters.azure import apim as apim_module
from metering.adapters.azure import arm as arm_module
from metering.adapters.azure.apim import ApimSubscriptions
from metering.adapters.azure.arm import Arm
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.quotas.suspension import SubscriptionState
from tests.doubles.arm import ArmPeer, Fault
from tests.doubles.arm.api_management import (
    AZURE_SUBSCRIPTION,
    GROUP,
    SERVICE,
    SERVICE_ID,
    put_service,
    put_subscription,
    state_of,
)

ACTIVE: Final = SubscriptionState.ACTIVE
SUSPENDED: Final = SubscriptionState.SUSPENDED


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[ArmPeer]:
    with ArmPeer() as peer:
        yield peer


@pytest.fixture
def peer(shared_peer: ArmPeer) -> ArmPeer:
    """Return a gateway with one active subscription."""
    shared_peer.clear()
    put_service(shared_peer)
    put_subscription(shared_peer, "sub-1")
    return shared_peer


def gate_at(url: str, service: str = SERVICE) -> ApimSubscriptions:
    return ApimSubscriptions(
        Arm(url), subscription_id=AZURE_SUBSCRIPTION, resource_group=GROUP, service=service
    )


@pytest.fixture
async def gate(peer: ArmPeer) -> AsyncIterator[ApimSubscriptions]:
    made = gate_at(peer.url)
    yield made
    await made.close()


async def test_a_subscription_is_suspended_and_given_back(
    peer: ArmPeer, gate: ApimSubscriptions
) -> None:
    assert await gate.read_state("sub-1") is ACTIVE
    await gate.set_state("sub-1", SUSPENDED)
    assert await gate.read_state("sub-1") is SUSPENDED
    await gate.set_state("sub-1", SUSPENDED)
    await gate.set_state("sub-1", ACTIVE)
    assert await gate.read_state("sub-1") is ACTIVE
    assert state_of(peer, "sub-1") == "active"


async def test_a_change_names_nothing_but_the_state_for_any_version_and_mails_nobody(
    peer: ArmPeer, gate: ApimSubscriptions
) -> None:
    await gate.set_state("sub-1", SUSPENDED)

    (seen,) = peer.requests
    assert (seen.method, seen.path) == ("PATCH", f"{SERVICE_ID}/subscriptions/sub-1")
    assert seen.headers["if-match"] == "*"
    assert seen.query == {"api-version": "2024-05-01", "notify": "false"}
    assert seen.body == {"properties": {"state": "suspended"}}
    held = peer.get(seen.path)
    assert held is not None
    assert held["properties"]["displayName"] == "sub-1"


@pytest.mark.parametrize("state", list(SubscriptionState))
async def test_every_state_is_read(
    peer: ArmPeer, gate: ApimSubscriptions, state: SubscriptionState
) -> None:
    put_subscription(peer, "sub-1", state.value.capitalize())
    assert await gate.read_state("sub-1") is state


async def test_a_state_of_the_future_or_none_is_another_state(
    peer: ArmPeer, gate: ApimSubscriptions
) -> None:
    put_subscription(peer, "sub-1", "hibernating")
    assert await gate.read_state("sub-1") is SubscriptionState.OTHER
    peer.put(f"{SERVICE_ID}/subscriptions/bare", {})
    assert await gate.read_state("bare") is SubscriptionState.OTHER


async def test_a_deleted_subscription_has_no_state_and_to_set_one_is_no_error(
    gate: ApimSubscriptions,
) -> None:
    assert await gate.read_state("gone") is None
    await gate.set_state("gone", SUSPENDED)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", "app:client", "a?b", "a%2Fb", "x" * 257, "a\n"]
)
async def test_what_no_subscription_can_be_named_is_not_asked_for(
    peer: ArmPeer, gate: ApimSubscriptions, name: str
) -> None:
    assert await gate.read_state(name) is None
    await gate.set_state(name, SUSPENDED)
    assert peer.requests == []


@pytest.mark.parametrize("name", ["...", "a.b", "Team A", "größe", "5f4d_x-1"])
async def test_any_other_name_reaches_its_own_subscription(
    peer: ArmPeer, gate: ApimSubscriptions, name: str
) -> None:
    put_subscription(peer, name)
    await gate.set_state(name, SUSPENDED)
    assert await gate.read_state(name) is SUSPENDED
    assert state_of(peer, "sub-1") == "active"


async def test_a_service_that_is_not_there_is_no_gateway_of_deleted_subscriptions(
    peer: ArmPeer,
) -> None:
    gate = gate_at(peer.url, "elsewhere")
    complaint = r"elsewhere \(METERING_APIM_SERVICE\): does not exist"
    with pytest.raises(ConfigurationError, match=complaint):
        await gate.read_state("sub-1")
    with pytest.raises(ConfigurationError, match=complaint):
        await gate.set_state("sub-1", SUSPENDED)
    await gate.close()


async def test_a_gateway_without_any_subscription_is_there(
    peer: ArmPeer, gate: ApimSubscriptions
) -> None:
    peer.clear()
    put_service(peer)
    assert await gate.read_state("sub-1") is None


@pytest.mark.parametrize("status", [429, 503])
async def test_throttling_is_waited_out_as_azure_says(
    peer: ArmPeer, gate: ApimSubscriptions, status: int
) -> None:
    peer.faults.append(Fault(status, times=2, headers={"retry-after": "0.01"}))
    await gate.set_state("sub-1", SUSPENDED)
    assert state_of(peer, "sub-1") == "suspended"
    assert len(peer.requests) == 3


async def test_throttling_that_says_to_wait_longer_than_we_may_ends_in_time(
    peer: ArmPeer, gate: ApimSubscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apim_module, "LONGEST_S", 0.3)
    peer.faults.append(Fault(429, headers={"retry-after": "3600"}))
    with pytest.raises(RetryableError, match="no answer in time"):
        await gate.set_state("sub-1", SUSPENDED)


@pytest.mark.parametrize("status", [408, 409, 412, 429, 500, 502, 503, 504])
async def test_a_fault_of_azure_that_stays_may_be_tried_again_later(
    peer: ArmPeer, gate: ApimSubscriptions, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(arm_module, "RETRIES", 0)
    peer.faults.append(Fault(status, times=2))
    with pytest.raises(RetryableError, match=f"{SERVICE} .*: status {status}: "):
        await gate.set_state("sub-1", SUSPENDED)
    with pytest.raises(RetryableError, match=f"status {status}"):
        await gate.read_state("sub-1")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_permission_that_lacks_is_named(
    peer: ArmPeer, gate: ApimSubscriptions, status: int
) -> None:
    peer.faults.append(Fault(status, times=2))
    complaint = "needs a role with Microsoft.ApiManagement/service/subscriptions/read and /write"
    with pytest.raises(ConfigurationError, match=complaint):
        await gate.set_state("sub-1", SUSPENDED)
    with pytest.raises(ConfigurationError, match=complaint):
        await gate.read_state("sub-1")


async def test_nobody_listening_may_be_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm_module, "RETRIES", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gate = gate_at(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(RetryableError, match="no connection"):
            await gate.read_state("sub-1")
        await gate.close()


async def test_a_closed_gate_opens_again(gate: ApimSubscriptions) -> None:
    await gate.set_state("sub-1", SUSPENDED)
    await gate.close()
    await gate.close()
    assert await gate.read_state("sub-1") is SUSPENDED
