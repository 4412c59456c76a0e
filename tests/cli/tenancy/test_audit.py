"""Changes by commands are in the audit log, under who gave the command."""

import base64
import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from metering.adapters.azure.signed_in import subject_of

ME = f"cli:{getpass.getuser()}"
DAY = ("--day", "2026-11-20")


def changes(metering: Any, *options: str) -> list[tuple[str, str, str]]:
    """Return action, resource and outcome of each entry, oldest first."""
    ran = metering.run("audit", *DAY, "--json", *options)
    assert ran.code == 0, ran.stderr
    assert {one["author"] for one in ran.json} <= {ME}
    return [(one["action"], one["resource"], one["outcome"]) for one in reversed(ran.json)]


def done(*action_and_resource: str) -> list[tuple[str, str, str]]:
    action, resource = action_and_resource
    return [(action, resource, "asked"), (action, resource, "done")]


PERSON = "00000000-0000-0000-0000-0000000000aa"
COMMANDS: list[tuple[list[str], str, str]] = [
    (["tenants", "set", "acme", "--plan", "default"], "tenant.set", "tenant/acme"),
    (["tenants", "calendar", "acme", "--cycle", "daily"], "tenant.calendar", "tenant/acme"),
    (["tenants", "import", "tenants.json"], "tenants.import", "tenants"),
    (["tenants", "allow", "acme", "--user", PERSON], "member.set", f"member/user:{PERSON}"),
    (["tenants", "disallow", "--user", PERSON], "member.set", f"member/user:{PERSON}"),
    (["plans", "set", "plan.json"], "plan.set", "plan/pro"),
    (["grants", "add", "acme", "--amount", "5", "--id", "g"], "grant.add", "grant/acme/g"),
    (
        ["adjustments", "add", "acme", "--amount", "5", "--reason", "r", "--author", "a"],
        "adjustment.add",
        "adjustment/acme/",
    ),
    (["effects", "retry"], "effects.retry", "effects"),
    (["close"], "periods.close", "periods"),
    (["dead-letters", "replay", "--all"], "dead_letters.replay", "dead-letters"),
    (["dead-letters", "drop", "--all"], "dead_letters.drop", "dead-letters"),
    (["prices", "import", "own.json"], "prices.import", "prices"),
    (["prices", "rerate", "--apply"], "prices.rerate", "ledgers"),
    (
        ["deployments", "set", "d", "--model", "gpt-4o", "--type", "global"],
        "deployment.set",
        "deployment/d",
    ),
    (["deployments", "import", "deployments.json"], "deployments.import", "deployments"),
    (["withdraw", "acme", "r-1", "--apply"], "request.withdraw", "request/acme/r-1"),
    (["repair", "acme", "--apply"], "ledgers.repair", "ledgers/acme"),
    (["tenants", "stop", "acme", "--reason", "r"], "tenant.stop", "tenant/acme"),
]


def write_files(folder: Path) -> None:
    price = {"model": "own", "effective_from": "2026-12-01", "per_million_tokens": {"input": "1"}}
    files: dict[str, Any] = {
        "tenants.json": {"tenants": [{"id": "globex"}]},
        "plan.json": {"id": "pro"},
        "own.json": {"currency": "USD", "prices": [price]},
        "deployments.json": {
            "deployments": [{"name": "e", "model": "gpt-4o", "deployment_type": "global"}]
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(("command", "action", "resource"), COMMANDS, ids=str)
def test_a_change_is_recorded_before_and_after(
    metering: Any, event: Any, command: list[str], action: str, resource: str
) -> None:
    write_files(metering.folder)
    metering.ingest(event())
    ran = metering.run(*command)
    assert ran.code == 0, ran.stderr
    assert changes(metering) == done(action, resource)


@pytest.mark.parametrize(
    "command",
    [
        ["tenants", "list"],
        ["prices", "rerate"],
        ["withdraw", "acme", "r-1"],
        ["repair", "acme"],
        ["deployments", "import", "deployments.json", "--dry-run"],
        ["balance", "acme"],
    ],
)
def test_what_only_looks_is_not_recorded(metering: Any, event: Any, command: list[str]) -> None:
    write_files(metering.folder)
    metering.ingest(event())
    assert metering.run(*command).code == 0
    assert changes(metering) == []


def test_a_refused_change_is_recorded_with_its_reason(metering: Any, event: Any) -> None:
    metering.ingest(event())
    assert metering.run("tenants", "set", "acme", "--plan", "no-such-plan").code == 1
    asked, refused = reversed(metering.run("audit", *DAY, "--json").json)
    assert (asked["outcome"], refused["outcome"]) == ("asked", "refused")
    assert asked["after"] == {"plan": "no-such-plan", "move": False}
    assert "no-such-plan" in refused["after"]["reason"]


def test_the_log_is_filtered_and_shown_for_people(metering: Any, event: Any) -> None:
    metering.ingest(event())
    metering.run("tenants", "set", "acme", "--plan", "default")
    metering.run("effects", "retry")
    assert changes(metering, "--action", "effects.retry") == done("effects.retry", "effects")
    assert changes(metering, "--author", "somebody") == []
    assert len(changes(metering, "--limit", "1")) == 1
    shown = metering.run("audit", *DAY).stdout
    assert ME in shown
    assert '{"move": false, "plan": "default"}' in shown
    assert metering.run("audit", "--day", "2026-11-19").stdout == "No changes on 2026-11-19.\n"
    assert metering.run("audit", "--day", "today").code == 2


def token(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.x"


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        (token({"oid": PERSON, "scp": "user_impersonation"}), f"user:{PERSON}"),
        (token({"appid": PERSON, "oid": "x", "sub": "x", "idtyp": "app"}), f"app:{PERSON}"),
        (token({}), None),
        (token([]), None),
        ("opaque", None),
        ("a.!.c", None),
        ("", None),
    ],
)
def test_a_store_in_azure_names_who_signed_in(text: str, subject: str | None) -> None:
    assert subject_of(text) == subject
