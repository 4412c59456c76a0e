"""Setting up the identity in Entra ID: what lacks is made, and a second run changes nothing."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from metering.adapters.azure import graph as graph_module
from metering.adapters.azure.entra_registration import role_id
from metering.adapters.azure.entra_setup import EntraSetup
from metering.adapters.azure.graph import Graph
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.installation.identity_setup import Identity
from metering.core.tenancy.access import Role
from tests.doubles.graph import Fault, GraphPeer
from tests.doubles.graph.directory import TENANT

ANN = "00000000-0000-0000-0000-00000000000a"
BOB = "00000000-0000-0000-0000-00000000000b"
APIM = "00000000-0000-0000-0000-0000000000aa"
APP = "00000000-0000-0000-0000-0000000000ab"
HOST = "func-metering-x.azurewebsites.net"


@pytest.fixture
def peer() -> Iterator[GraphPeer]:
    with GraphPeer() as made:
        yield made


@pytest.fixture
async def graph(peer: GraphPeer) -> AsyncIterator[Graph]:
    made = Graph(peer.url, first_wait_s=0.001)
    yield made
    await made.close()


async def run(
    graph: Graph, *, dry_run: bool = False, operators: Any = (ANN, BOB), hosts: Any = ()
) -> Identity:
    holders = {Role.OPERATOR: operators, Role.GATEWAY: [APIM], Role.PRODUCER: [APP]}
    return await EntraSetup(graph, "metering-prod", dry_run=dry_run).run(holders, hosts)


def held(peer: GraphPeer) -> set[tuple[str, str]]:
    return {(one["principalId"], one["appRoleId"]) for one in peer.directory.assignments}


async def test_what_lacks_is_made(peer: GraphPeer, graph: Graph) -> None:
    identity = await run(graph)
    (application,) = peer.directory.applications.values()
    (principal,) = peer.directory.principals.values()
    assert (identity.tenant_id, identity.client_id) == (TENANT, application["appId"])
    assert identity.service_principal_id == principal["id"]
    assert application["identifierUris"] == [f"api://{application['appId']}"]
    assert application["signInAudience"] == "AzureADMyOrg"
    assert application["api"]["requestedAccessTokenVersion"] == 2
    assert {role["value"]: role["allowedMemberTypes"] for role in application["appRoles"]} == {
        "Metering.Operator": ["User", "Application"],
        "Metering.Gateway": ["Application"],
        "Metering.Producer": ["Application"],
    }
    assert "web" not in application
    assert "appRoleAssignmentRequired" not in principal
    operator, gateway, producer = map(role_id, Role)
    assert held(peer) == {(ANN, operator), (BOB, operator), (APIM, gateway), (APP, producer)}
    assert {step.done for step in identity.steps} == {"created", "changed"}


@pytest.mark.parametrize("hosts", [(), (HOST,)])
async def test_a_second_run_changes_nothing(
    peer: GraphPeer, graph: Graph, hosts: tuple[str, ...]
) -> None:
    first = await run(graph, hosts=hosts)
    peer.requests.clear()
    second = await run(graph, hosts=hosts)
    assert peer.changes == []
    assert {step.done for step in second.steps} == {"was there"}
    assert second[:3] == first[:3]


async def test_a_dry_run_changes_nothing_and_says_what_would_be(
    peer: GraphPeer, graph: Graph
) -> None:
    identity = await run(graph, dry_run=True)
    assert (peer.changes, identity.client_id) == ([], "")
    assert [step.done for step in identity.steps] == ["would be created"]
    await run(graph, operators=[ANN])
    (application,) = peer.directory.applications.values()
    application["appRoles"][0]["isEnabled"] = False
    peer.requests.clear()
    identity = await run(graph, dry_run=True)
    assert peer.changes == []
    assert [step for step in identity.steps if step.done != "was there"] == [
        ("role Metering.Operator", "would be changed"),
        (f"role Metering.Operator of {BOB}", "would be created"),
    ]
    peer.directory.principals.clear()
    identity = await run(graph, dry_run=True)
    assert ("service principal", "would be created") in identity.steps
    assert peer.changes == []


async def test_what_somebody_changed_is_put_right_and_what_is_theirs_stays(
    peer: GraphPeer, graph: Graph
) -> None:
    await run(graph)
    (application,) = peer.directory.applications.values()
    (principal,) = peer.directory.principals.values()
    theirs = {"id": ANN, "value": "Reader", "isEnabled": True}
    application["appRoles"][0]["isEnabled"] = False
    application["appRoles"].append(theirs)
    application["identifierUris"] = ["api://theirs"]
    application["api"] = {}
    application["signInAudience"] = "AzureADMultipleOrgs"
    principal["appRoleAssignmentRequired"] = True
    await run(graph)
    assert theirs in application["appRoles"]
    assert all(role["isEnabled"] for role in application["appRoles"])
    assert len(application["appRoles"]) == 4
    assert application["identifierUris"] == ["api://theirs", f"api://{application['appId']}"]
    assert application["signInAudience"] == "AzureADMyOrg"
    assert principal["appRoleAssignmentRequired"] is True
    assert len(peer.directory.assignments) == 4


async def test_what_was_just_made_may_take_a_while_to_be_known() -> None:
    with GraphPeer(lag=5) as peer:
        graph = Graph(peer.url, first_wait_s=0.001)
        await run(graph)
        assert len(peer.directory.applications) == len(peer.directory.principals) == 1
        assert len(held(peer)) == 4
        await graph.close()


async def test_what_never_becomes_known_ends_with_a_word() -> None:
    with GraphPeer(lag=1_000) as peer:
        graph = Graph(peer.url, first_wait_s=0.0001)
        with pytest.raises(
            ConfigurationError, match="was created but cannot be read yet: run the command ag"
        ):
            await run(graph)
        await graph.close()


async def test_a_role_that_is_on_a_later_page_is_there(peer: GraphPeer, graph: Graph) -> None:
    everybody = [f"00000000-0000-0000-0000-{number:012d}" for number in range(7)]
    await run(graph, operators=everybody)
    peer.page_size = 2
    peer.requests.clear()
    await run(graph, operators=everybody)
    assert peer.changes == []
    # Seven operators, a gateway and a producer, two on a page.
    assert len([one for one in peer.requests if one.path.endswith("appRoleAssignedTo")]) == 5


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["0", "", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_busy_answer_is_waited_for(
    peer: GraphPeer, graph: Graph, status: int, retry_after: str
) -> None:
    for method in ("GET", "PATCH", "POST"):
        peer.faults += [Fault(status, method, retry_after=retry_after)] * 2
    await run(graph)
    assert (peer.faults, len(held(peer))) == ([], 4)


async def test_what_stays_busy_is_retryable(peer: GraphPeer, graph: Graph) -> None:
    peer.faults += [Fault(429, retry_after="0")] * graph_module.MAX_ATTEMPTS
    with pytest.raises(RetryableError, match="status 429"):
        await run(graph)


async def test_a_change_that_was_made_though_it_failed_is_not_made_twice(
    peer: GraphPeer, graph: Graph
) -> None:
    # Each is carried out, and then answered with 503: the same request is sent again.
    for method, path in (("PATCH", "/applications("), ("POST", "appRoleAssignedTo")):
        peer.faults.append(Fault(503, method, path, retry_after="0", after=True))
    await run(graph)
    assert len(peer.directory.applications) == 1
    assert len(peer.directory.assignments) == 4


async def test_a_run_that_ended_in_the_middle_is_finished_by_the_next(
    peer: GraphPeer, graph: Graph
) -> None:
    peer.faults.append(Fault(403, "POST", "/servicePrincipals"))
    with pytest.raises(
        ConfigurationError, match="no permission: your account needs Application.ReadWrite"
    ):
        await run(graph)
    await run(graph)
    assert (len(peer.directory.applications), len(held(peer))) == (1, 4)


async def test_without_the_right_to_read_the_organization_it_works_all_the_same(
    peer: GraphPeer, graph: Graph
) -> None:
    peer.faults.append(Fault(403, "GET", "/organization"))
    assert (await run(graph)).tenant_id == ""


async def test_a_refusal_says_what_graph_said(peer: GraphPeer, graph: Graph) -> None:
    await run(graph)
    peer.directory.principals.clear()
    peer.directory.assignments.clear()
    peer.faults += [Fault(400, "POST", "/servicePrincipals")] * graph_module.MAX_LOOKS
    with pytest.raises(ConfigurationError, match="refused with status 400: Fault: of the test"):
        await run(graph)


async def test_nobody_at_home_is_retryable() -> None:
    graph = Graph("http://127.0.0.1:9")
    with pytest.raises(RetryableError, match="run the command again"):
        await graph.find("/applications")
    await graph.close()


async def test_a_next_page_elsewhere_is_not_followed(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = {"value": [], "@odata.nextLink": "https://elsewhere.example/v1.0/steal"}
    monkeypatch.setattr(graph_module.Graph, "find", _returning(link))
    with pytest.raises(RetryableError, match="leads to another host"):
        await graph.list_all("/x")


def _returning(page: dict[str, Any]) -> Any:
    async def find(*_: object, **__: object) -> dict[str, Any]:
        return page

    return find


async def test_a_stand_in_never_sees_a_real_token(peer: GraphPeer, graph: Graph) -> None:
    await run(graph)
    assert {one.token for one in peer.requests} == {"Bearer stand-in"}
