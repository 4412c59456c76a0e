"""`metering azure setup-identity`: the command as a process, at a stand-in for Graph."""

from typing import Any

import pytest

from metering.cli.installation.azure import HOST
from metering.settings.http import read_http
from tests.doubles.graph import GraphPeer
from tests.doubles.graph.directory import TENANT

ANN = "00000000-0000-0000-0000-00000000000A"
APP = "00000000-0000-0000-0000-0000000000ab"


def test_it_ends_with_the_settings_that_the_app_needs(metering: Any) -> None:
    with GraphPeer() as peer:
        settings = {"METERING_GRAPH_ENDPOINT": peer.url}
        arguments = ("azure", "setup-identity", "--operator", ANN, "--json")
        first = metering.run(*arguments, settings=settings)
        assert first.code == 0, first.stderr
        (application,) = peer.directory.applications.values()
        assert first.json["client_id"] == application["appId"]
        client_id = application["appId"]
        # As bicep/modules/function-app.bicep makes them of the client id.
        assert first.json["settings"] == {
            "METERING_API_CLIENT_ID": client_id,
            "METERING_AUTH_ISSUER": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            "METERING_AUTH_AUDIENCE": client_id,
            "METERING_AUTH_TENANT": TENANT,
        }
        auth = read_http(first.json["settings"]).auth
        assert auth is not None
        assert auth.audience == client_id
        assert peer.directory.assignments[0]["principalId"] == ANN.lower()
        again = metering.run(*arguments, settings=settings)
        assert {step["done"] for step in again.json["steps"]} == {"was there"}
        table = metering.run("azure", "setup-identity", "--dry-run", settings=settings)
        assert f"METERING_API_CLIENT_ID={client_id}\n" in table.stdout
        assert f"METERING_AUTH_AUDIENCE={client_id}\n" in table.stdout


def test_after_the_deployment_it_is_run_again_with_the_host(metering: Any) -> None:
    with GraphPeer() as peer:
        settings = {"METERING_GRAPH_ENDPOINT": peer.url}
        metering.run("azure", "setup-identity", "--operator", ANN, settings=settings)
        hosts = ("--host", "func-Metering-x.azurewebsites.net", "--host", "metering.contoso.com")
        arguments = ("azure", "setup-identity", "--producer", APP, *hosts, "--json")
        ran = metering.run(*arguments, settings=settings)
        assert ran.code == 0, ran.stderr
        (application,) = peer.directory.applications.values()
        assert application["web"]["redirectUris"] == [
            "https://func-metering-x.azurewebsites.net/.auth/login/aad/callback",
            "https://metering.contoso.com/.auth/login/aad/callback",
        ]
        assert {one["principalId"] for one in peer.directory.assignments} == {ANN.lower(), APP}
        again = metering.run(*arguments, settings=settings)
        assert {step["done"] for step in again.json["steps"]} == {"was there"}


def test_what_is_no_object_id_is_a_usage_error(metering: Any) -> None:
    for wrong in (
        ("--operator", "ann"),
        ("--gateway", "apim"),
        ("--producer", "app"),
        ("--name", "a'b"),
    ):
        ran = metering.run("azure", "setup-identity", *wrong)
        assert ran.code == 2
        assert "is not" in ran.stderr


def test_an_address_is_no_host_and_a_usage_error(metering: Any) -> None:
    ran = metering.run("azure", "setup-identity", "--host", "https://x.azurewebsites.net")
    assert ran.code == 2
    assert "is not a host name" in " ".join(ran.stderr.replace("│", "").split())


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "x.azurewebsites.net/",
        "x.azurewebsites.net:443",
        "x.azurewebsites.net\n",
        "*.azurewebsites.net",
        "-x.azurewebsites.net",
        "x..net",
        "10.0.0.1",
        "u@x.net",
        f"{'x' * 64}.net",
        ".".join(["x" * 60] * 5),
        "",
    ],
)
def test_what_no_browser_comes_back_to_is_no_host(text: str) -> None:
    assert not HOST.fullmatch(text)


@pytest.mark.parametrize("text", ["a.io", "func-x-a1b2.swedencentral-01.azurewebsites.net"])
def test_the_default_hosts_of_function_apps_and_own_domains_are_hosts(text: str) -> None:
    assert HOST.fullmatch(text)
