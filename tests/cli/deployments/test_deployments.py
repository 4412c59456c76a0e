"""`metering deployments`: recorded by hand, from a file, from Azure; and what is not."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.doubles.arm import ArmPeer, Fault
from tests.doubles.arm.cognitive_services import (
    SUBSCRIPTION,
    put_account,
    put_deployment,
    ready,
)

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering, Ran

PTU = ("--type", "provisioned", "--units", "50", "--hourly-price", "1.10", "--scope", "data_zone")


def _set(metering: "Metering", *arguments: str) -> "Ran":
    return metering.run("deployments", "set", *arguments)


def _listed(metering: "Metering", *options: str, **settings: str) -> list[dict[str, Any]]:
    ran = metering.run("deployments", "list", "--json", *options, settings=settings)
    assert ran.code == 0, ran.stderr
    found: list[dict[str, Any]] = ran.json
    return found


def test_a_deployment_is_recorded_once_and_changes_from_now_on(metering: "Metering") -> None:
    chat = ("chat", "--model", "gpt-4o", "--region", "eastus2", "--type")
    assert _set(metering, *chat, "global").stdout == "deployment chat: from the beginning\n"
    assert _set(metering, *chat, "global").stdout == "deployment chat: unchanged\n"
    changed = _set(metering, *chat, "data_zone")
    assert changed.stdout == "deployment chat: from 2026-11-20T12:05:00Z\n"

    (before,) = _listed(metering, METERING_NOW="2026-11-20T12:04:59Z")
    (after,) = _listed(metering, METERING_NOW="2026-11-20T12:05:00Z")

    assert before == {
        "name": "chat",
        "account": None,
        "model": "gpt-4o",
        "model_version": None,
        "provider": None,
        "deployment_type": "global",
        "region": "eastus2",
        "service_tier": None,
        "provisioned": None,
        "hosting": None,
        "in_force": True,
        "scheduled": ["2026-11-20T12:05:00Z"],
    }
    assert after == {**before, "deployment_type": "data_zone", "scheduled": []}


def test_a_deployment_that_only_begins_is_listed_with_its_start(metering: "Metering") -> None:
    later = ("chat", "--model", "gpt-4o", "--type", "global", "--from", "2026-12-01T00:00:00Z")
    assert _set(metering, *later).stdout == "deployment chat: from 2026-12-01T00:00:00Z\n"
    (found,) = _listed(metering)
    assert (found["in_force"], found["scheduled"]) == (False, ["2026-12-01T00:00:00Z"])
    assert "begins 2026-12-01T00:00:00Z" in metering.run("deployments", "list").stdout
    (found,) = _listed(metering, METERING_NOW="2026-12-01T00:00:00Z")
    assert (found["in_force"], found["scheduled"]) == (True, [])


def test_provisioned_units_are_recorded_with_price_and_weights(metering: "Metering") -> None:
    ran = _set(
        *(metering, "ptu", "--account", "contoso", "--model", "gpt-4o", *PTU),
        *("--weight", "output=4", "--weight", "cached_read=0"),
    )
    assert ran.stdout == "deployment contoso/ptu: from the beginning\n", ran.stderr
    (found,) = _listed(metering)
    assert found["provisioned"] == {
        "units": 50,
        "hourly_price": "1.1",
        "currency": "USD",
        "scope": "data_zone",
        "weights": {"output": "4", "cached_read": "0"},
        "idle": "unallocated",
    }
    table = metering.run("deployments", "list").stdout
    assert "contoso/ptu" in table
    assert "1.1 USD" in table


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["chat", "--model", "m", "--type", "provisioned"], "provisioned"),
        (["chat", "--model", "m", "--type", "global", "--units", "5"], "provisioned"),
        (["chat", "--model", "m", *PTU, "--hourly-price", "1e3"], "provisioned.hourly_price"),
        (["chat", "--model", "m", *PTU, "--weight", "output"], "provisioned.weights.output"),
        (["chat", "--model", "m", "--type", "planetary"], "--type"),
        (["a/b", "--model", "m", "--type", "global"], "name"),
        (["chat", "--model", "m", "--type", "global", "--from", "noon"], "--from"),
    ],
)
def test_a_deployment_that_cannot_be_is_wrong_usage_and_names_the_field(
    metering: "Metering", arguments: list[str], complaint: str
) -> None:
    metering.prepares = False
    ran = _set(metering, *arguments)

    assert (ran.code, ran.stdout) == (2, "")
    assert complaint in ran.stderr
    assert not metering.store.exists()


def test_a_change_of_the_past_is_refused_in_one_line(metering: "Metering") -> None:
    chat = ("chat", "--model", "gpt-4o", "--type")
    _set(metering, *chat, "global")

    ran = _set(metering, *chat, "regional", "--from", "2026-11-20T12:04:59Z")

    assert ran.code == 1
    assert "deployment 'chat': a change starts no earlier than 2026-11-20T12:05:00Z" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_usage_of_deployments_without_a_record_is_listed_until_there_is_one(
    metering: "Metering", event: "EventBuilder"
) -> None:
    seen = {"deployment": "chat", "backend": "contoso"}
    metering.ingest(
        event("r-1", data=seen),
        event("r-2", data={**seen, "model": "gpt-4.1"}),
        event("r-3", subject="globex", data={"deployment": "embed"}),
        event("old", time="2026-10-20T11:30:00Z", data={"deployment": "retired"}),
        event("unnamed"),
    )
    chat = {"deployment": "chat", "backend": "contoso", "requests": 2}
    assert _listed(metering, "--unknown") == [
        {**chat, "models": ["gpt-4.1", "gpt-4o"]},
        {"deployment": "embed", "backend": None, "requests": 1, "models": ["gpt-4o"]},
    ]
    october = _listed(metering, "--unknown", "--period", "2026-10")
    assert [row["deployment"] for row in october] == ["retired"]

    _set(metering, "chat", "--account", "contoso", "--model", "gpt-4o", "--type", "global")

    assert _listed(metering, "--unknown", "--tenant", "acme") == []
    table = metering.run("deployments", "list", "--unknown").stdout
    assert "embed" in table
    assert "chat" not in table


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--tenant", "acme"],
        ["list", "--period", "2026-11"],
        ["import"],
        ["import", "d.json", "--subscription-id", "s"],
        ["import", "d.json", "--account", "contoso"],
        ["import", "no-such-file.yaml"],
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    metering: "Metering", arguments: list[str]
) -> None:
    (metering.folder / "d.json").write_text('{"deployments": []}')
    assert metering.run("deployments", *arguments).code == 2


def test_a_file_is_imported_once(metering: "Metering") -> None:
    file = metering.folder / "d.yaml"
    file.write_text(
        "deployments:\n"
        "- {name: chat, account: contoso, model: gpt-4o, deployment_type: global}\n"
        "- name: ptu\n  model: gpt-4o\n  deployment_type: provisioned\n"
        "  provisioned: {units: 5, hourly_price: '1.10', scope: regional, weights: {output: '4'}}\n"
    )
    runs = [
        metering.run("deployments", "import", file, *more).json
        for more in (["--json", "--dry-run"], ["--json"], ["--json"])
    ]
    beginning = "1970-01-01T00:00:00Z"
    assert [[row["holds_from"] for row in rows] for rows in runs] == [
        [None] * 2,
        [beginning] * 2,
        [None] * 2,
    ]
    results = [[row["result"] for row in rows] for rows in runs]
    assert results == [["would be recorded"] * 2, ["recorded"] * 2, ["unchanged"] * 2]
    assert len(_listed(metering)) == 2


def test_a_faulty_file_is_one_line_that_names_the_place(metering: "Metering") -> None:
    file = metering.folder / "d.json"
    file.write_text(json.dumps({"deployments": [{"name": "chat", "model": "gpt-4o"}]}))

    ran = metering.run("deployments", "import", file)

    assert ran.code == 1
    assert "d.json: deployments.0.deployment_type: Field required" in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def azure() -> Iterator[ArmPeer]:
    """Return a subscription with one account and four deployments in it."""
    with ArmPeer() as peer:
        ready(peer)
        deployments = put_account(peer, "contoso", location="swedencentral")
        put_deployment(peer, deployments, "chat", sku="DataZoneStandard")
        put_deployment(peer, deployments, "night", sku="GlobalBatch")
        put_deployment(peer, deployments, "ptu", sku="GlobalProvisionedManaged", capacity=50)
        put_deployment(peer, deployments, "tuned", sku="DeveloperTier")
        yield peer


def _import(metering: "Metering", azure: ArmPeer, *options: str) -> "Ran":
    return metering.run(
        *("deployments", "import", "--subscription-id", SUBSCRIPTION, *options),
        settings={"METERING_ARM_ENDPOINT": azure.url},
    )


def _results(ran: "Ran") -> dict[str, str]:
    assert ran.code == 0, ran.stderr
    return {row["key"]: row["result"] for row in ran.json}


def test_what_azure_lists_is_shown_recorded_and_not_recorded_again(
    metering: "Metering", azure: ArmPeer
) -> None:
    unknown = "skipped: it is sold as DeveloperTier, an unknown SKU"
    unpriced = "skipped: no price: give --hourly-price global=PRICE"
    assert _results(_import(metering, azure, "--json", "--dry-run")) == {
        "contoso/chat": "would be recorded",
        "contoso/night": "would be recorded",
        "contoso/ptu": unpriced,
        "contoso/tuned": unknown,
    }
    assert _listed(metering) == []

    shown = _import(metering, azure).stdout
    assert "skipped: no price" in shown
    priced = _results(_import(metering, azure, "--json", "--hourly-price", "global=1.00"))
    assert priced == {
        "contoso/chat": "unchanged",
        "contoso/night": "unchanged",
        "contoso/ptu": "recorded",
        "contoso/tuned": unknown,
    }
    # The price that was recorded stays, though this import gives none.
    assert _results(_import(metering, azure, "--json"))["contoso/ptu"] == "unchanged"
    described = {row["name"]: row for row in _listed(metering)}
    assert {name: row["deployment_type"] for name, row in described.items()} == {
        "chat": "data_zone",
        "night": "global",
        "ptu": "provisioned",
    }
    assert described["night"]["service_tier"] == "batch"
    assert described["chat"]["region"] == "swedencentral"
    assert described["chat"]["model_version"] == "2024-11-20"
    assert described["ptu"]["provisioned"]["units"] == 50


def test_a_refusal_of_azure_is_one_line_and_exit_status_1(
    metering: "Metering", azure: ArmPeer
) -> None:
    azure.faults.append(Fault(403))

    ran = _import(metering, azure)

    assert (ran.code, ran.stdout) == (1, "")
    assert "needs the Reader role" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_an_endpoint_without_tls_is_refused_by_the_settings_name(metering: "Metering") -> None:
    ran = metering.run(
        *("deployments", "import", "--subscription-id", SUBSCRIPTION),
        settings={"METERING_ARM_ENDPOINT": "http://management.azure.com"},
    )
    assert ran.code == 1
    assert "METERING_ARM_ENDPOINT: " in ran.stderr
