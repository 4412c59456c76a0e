"""`metering exporters`: set one, give it keys, see their hashes, take them back."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Metering


def test_an_exporter_is_set_gets_keys_and_loses_them(metering: "Metering") -> None:
    ran = metering.run("exporters", "set", "ai-gateway")
    assert ran.stdout == "ai-gateway may push telemetry: from 2026-11-20T12:00:00Z\n", ran.stderr
    first = metering.run("exporters", "rotate", "ai-gateway", "--json").json
    assert (first["header"], len(first["key"])) == ("x-metering-exporter-key", 43)
    shown = metering.run("exporters", "rotate", "ai-gateway", "--overlap", "2").stdout
    assert "the former key is valid until 2026-11-20T14:00:00Z" in shown
    listed = metering.run("exporters", "list", "--json").json
    assert [one["exporter"] for one in listed] == ["ai-gateway"]
    assert [key["until"] for key in listed[0]["keys"]] == ["2026-11-20T14:00:00Z", None]
    table = metering.run("exporters", "list").stdout
    assert first["hash"] in table
    assert first["key"] not in table
    assert metering.run("exporters", "revoke", "ai-gateway").stdout.startswith("all keys of")
    assert metering.run("exporters", "list", "--json").json[0]["keys"] == []
    log = metering.run("audit", "--json")
    assert "exporter.rotate" in log.stdout
    assert first["key"] not in log.stdout


def test_a_mistake_is_one_line(metering: "Metering") -> None:
    metering.run("exporters", "set", "apps", "--reports", "requests")
    metering.run("exporters", "rotate", "apps")
    for given, reason in (
        (("set", "UP"), "1 to 64"),
        (("set", "apps", "--reports", "aggregates"), "reports requests"),
        (("rotate", "none"), "does not exist"),
        (("revoke", "none"), "does not exist"),
    ):
        ran = metering.run("exporters", *given)
        assert (ran.code, ran.stderr.count("\n")) == (1, 1), ran.stderr
        assert reason in ran.stderr
