"""The app registration: the API's roles, and sign-in in browsers beside what is there."""

from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from metering.adapters.azure.entra_registration import APP_ROLES, changes_of, role_id
from metering.adapters.azure.entra_setup import EntraSetup
from metering.adapters.azure.graph import Graph
from metering.core.installation.identity_setup import Identity
from metering.core.tenancy.access import Role, roles_in
from tests.doubles.graph import GraphPeer

APP = "00000000-0000-0000-0000-0000000000ab"
HOST = "func-metering-x.azurewebsites.net"
CALLBACK = f"https://{HOST}/.auth/login/aad/callback"


@pytest.fixture
def peer() -> Iterator[GraphPeer]:
    with GraphPeer() as made:
        yield made


@pytest.fixture
async def graph(peer: GraphPeer) -> AsyncIterator[Graph]:
    made = Graph(peer.url, first_wait_s=0.001)
    yield made
    await made.close()


async def run(graph: Graph, *, dry_run: bool = False, hosts: Sequence[str] = ()) -> Identity:
    setup = EntraSetup(graph, "metering-prod", dry_run=dry_run)
    return await setup.run({Role.PRODUCER: [APP]}, hosts)


async def test_the_roles_are_those_that_the_api_decides_by(peer: GraphPeer, graph: Graph) -> None:
    assert list(APP_ROLES) == list(Role)
    await run(graph)
    (application,) = peer.directory.applications.values()
    claim = [role["value"] for role in application["appRoles"]]
    assert roles_in({"roles": claim}) == frozenset(Role)


def test_a_role_keeps_the_id_that_registrations_have_of_it() -> None:
    # uuid5 of the name, in the namespace uuid5 of urn:metering:app-roles: worked out once.
    assert role_id(Role.OPERATOR) == "d1bae656-ffb6-5417-99ee-2cd1be582975"
    assert role_id(Role.PRODUCER) == "deb34541-bdc4-543d-ac36-d02c10d91259"


async def test_a_registration_of_before_gets_the_role_that_is_new(
    peer: GraphPeer, graph: Graph
) -> None:
    await run(graph)
    (application,) = peer.directory.applications.values()
    of_before, gateway, _ = application["appRoles"]
    application["appRoles"] = [of_before, gateway]
    peer.directory.assignments.pop()
    identity = await run(graph)
    assert [step for step in identity.steps if step.done != "was there"] == [
        ("role Metering.Producer", "changed"),
        (f"role Metering.Producer of {APP}", "created"),
    ]
    assert application["appRoles"][:2] == [of_before, gateway]


async def test_browsers_sign_in_once_the_host_is_known(peer: GraphPeer, graph: Graph) -> None:
    await run(graph)
    peer.requests.clear()
    wanted = [
        (f"redirect to {CALLBACK}", "changed"),
        ("ID tokens for browsers", "changed"),
    ]
    planned = await run(graph, hosts=[HOST], dry_run=True)
    assert peer.changes == []
    assert [step for step in planned.steps if step.done != "was there"] == [
        (what, "would be changed") for what, _ in wanted
    ]
    identity = await run(graph, hosts=[HOST])
    assert [step for step in identity.steps if step.done != "was there"] == wanted
    (application,) = peer.directory.applications.values()
    assert application["web"] == {
        "redirectUris": [CALLBACK],
        "implicitGrantSettings": {"enableIdTokenIssuance": True},
    }
    assert len(peer.changes) == 1


async def test_a_redirect_is_added_beside_what_is_there(peer: GraphPeer, graph: Graph) -> None:
    await run(graph)
    (application,) = peer.directory.applications.values()
    theirs = "https://theirs.example/back"
    application["web"] = {
        "homePageUrl": "https://theirs.example",
        "redirectUris": [theirs],
        "redirectUriSettings": [{"uri": theirs, "index": None}],
        "implicitGrantSettings": {"enableAccessTokenIssuance": True},
    }
    await run(graph, hosts=[HOST])
    await run(graph, hosts=["metering.contoso.com", HOST])
    await run(graph)
    web = application["web"]
    assert web["homePageUrl"] == "https://theirs.example"
    assert web["redirectUris"] == [
        theirs,
        CALLBACK,
        "https://metering.contoso.com/.auth/login/aad/callback",
    ]
    assert web["implicitGrantSettings"] == {
        "enableAccessTokenIssuance": True,
        "enableIdTokenIssuance": True,
    }


async def test_a_redirect_in_other_letters_is_there(peer: GraphPeer, graph: Graph) -> None:
    await run(graph, hosts=[HOST])
    (application,) = peer.directory.applications.values()
    application["web"]["redirectUris"] = [CALLBACK.replace("func", "FUNC")]
    peer.requests.clear()
    await run(graph, hosts=[HOST])
    assert peer.changes == []


async def test_id_tokens_that_were_switched_off_are_switched_on(
    peer: GraphPeer, graph: Graph
) -> None:
    await run(graph, hosts=[HOST])
    (application,) = peer.directory.applications.values()
    application["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] = False
    identity = await run(graph, hosts=[HOST])
    assert ("ID tokens for browsers", "changed") in identity.steps
    assert application["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] is True
    assert application["web"]["redirectUris"] == [CALLBACK]


def test_what_is_there_is_sent_along_so_that_nothing_hangs_on_how_graph_merges() -> None:
    web = {
        "logoutUrl": "https://theirs.example/out",
        "redirectUris": ["https://theirs.example/back"],
        "implicitGrantSettings": {"enableAccessTokenIssuance": True},
    }
    body, _ = changes_of({"appId": APP, "web": web}, [HOST])
    assert body["web"] == {
        "logoutUrl": "https://theirs.example/out",
        "redirectUris": ["https://theirs.example/back", CALLBACK],
        "implicitGrantSettings": {
            "enableAccessTokenIssuance": True,
            "enableIdTokenIssuance": True,
        },
    }
