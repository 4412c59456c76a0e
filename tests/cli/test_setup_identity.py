"""`metering azure setup-identity`: the command as a process, at a stand-in for Graph."""

from typing import Any

from tests.emulators.graph import GraphPeer

ANN = "00000000-0000-0000-0000-00000000000A"


def test_it_ends_with_the_settings_that_the_app_needs(metering: Any) -> None:
    with GraphPeer() as peer:
        settings = {"METERING_GRAPH_ENDPOINT": peer.url}
        arguments = ("azure", "setup-identity", "--operator", ANN, "--json")
        first = metering.run(*arguments, settings=settings)
        assert first.code == 0, first.stderr
        (application,) = peer.directory.applications.values()
        assert first.json["client_id"] == application["appId"]
        assert first.json["settings"]["METERING_AUTH_AUDIENCE"] == application["appId"]
        assert peer.directory.assignments[0]["principalId"] == ANN.lower()
        again = metering.run(*arguments, settings=settings)
        assert {step["done"] for step in again.json["steps"]} == {"was there"}
        table = metering.run("azure", "setup-identity", "--dry-run", settings=settings)
        assert f"METERING_AUTH_AUDIENCE={application['appId']}" in table.stdout


def test_what_is_no_object_id_is_a_usage_error(metering: Any) -> None:
    for wrong in (("--operator", "ann"), ("--gateway", "apim"), ("--name", "a'b")):
        ran = metering.run("azure", "setup-identity", *wrong)
        assert ran.code == 2
        assert "is no" in ran.stderr
