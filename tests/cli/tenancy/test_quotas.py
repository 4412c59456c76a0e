"""`metering quotas`, and what `metering plans set` says of quotas that cannot be enforced."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

CAP = {"metric": "requests", "window": "period", "limit": "1", "action": "block"}
EACH = {**CAP, "scope": {"end_user": "*"}, "limit": "2", "action": "notify"}


def _on_plan(metering: "Metering", *quotas: Any, **terms: Any) -> str:
    path = metering.folder / "plan.json"
    path.write_text(json.dumps({"id": "capped", "quotas": quotas, **terms}))
    said = metering.run("plans", "set", str(path))
    assert said.code == 0, said.stderr
    assert metering.run("tenants", "set", "acme", "--plan", "capped").code == 0
    assert metering.run("tenants", "set", "acme", "--subscription", "sub-1").code == 0
    return said.stderr


def _raise(metering: "Metering", quota: str, *more: str, until: str = "2026-11-21") -> Any:
    return metering.run(
        *("quotas", "raise", "acme", "--quota", quota, "--until", until, "--reason", "launch"),
        *more,
    )


def test_an_increase_admits_requests_until_it_ends_by_itself(
    metering: "Metering", event: "EventBuilder"
) -> None:
    _on_plan(metering, CAP)
    metering.ingest(event("r-1", subject="sub-1"))
    assert metering.run("admission", "sub-1", "--json").json["verdict"] == "block"
    (listed,) = metering.run("quotas", "list", "acme", "--json").json["quotas"]
    made = _raise(metering, listed["quota"], "--limit", "5", "--json").json
    assert made == {
        "tenant": "acme",
        "quota": listed["quota"],
        "values": [],
        "limit": "5",
        "until": "2026-11-21T00:00:00Z",
        "reason": "launch",
        "author": made["author"],
    }
    assert made["author"].startswith("cli:")

    assert metering.run("admission", "sub-1", "--json").json["verdict"] == "allow"
    shown = metering.run("quotas", "list", "acme").stdout
    assert "2026-11-21T00:00:00Z" in shown
    (quota,) = metering.run("forecast", "acme", "--json").json["quotas"]
    assert (quota["limit"], quota["increased_until"]) == ("5", "2026-11-21T00:00:00Z")
    later = {"METERING_NOW": "2026-11-21T00:00:00Z"}
    after = metering.run("admission", "sub-1", "--json", settings=later).json
    assert (after["verdict"], after["limit"]) == ("block", "1")


def test_one_value_of_a_split_quota_is_raised(metering: "Metering", event: "EventBuilder") -> None:
    _on_plan(metering, {**EACH, "action": "block"})
    for name in ("ada", "bob"):
        metering.ingest(
            *(event(f"{name}-{n}", subject="sub-1", data={"end_user": name}) for n in range(2))
        )
    listed = metering.run("quotas", "list", "acme", "--json").json["quotas"]
    assert [(one["values"], one["used"], one["limit"]) for one in listed] == [
        ({}, "0", "2"),
        ({"end_user": "ada"}, "2", "2"),
        ({"end_user": "bob"}, "2", "2"),
    ]
    assert (
        _raise(metering, listed[0]["quota"][:8], "--for", "end-user=ada", "--limit", "9").code == 0
    )
    rules = metering.run("admission", "sub-1", "--json").json["rules"]
    assert [one["when"] for one in rules] == [{"end_user": "bob"}]
    shown = metering.run("admission", "sub-1").stdout
    assert "end user bob" in shown
    said = metering.run("admission", "sub-1", "--end-user", "bob", "--json").json
    assert said["verdict"] == "block"


def test_an_increase_that_cannot_be_is_one_line(metering: "Metering") -> None:
    _on_plan(metering, CAP)
    refused = _raise(metering, "nothing", "--limit", "5")
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert "no quota of this id" in refused.stderr
    assert _raise(metering, "x", "--limit", "5", "--for", "ada").code == 2
    assert _raise(metering, "x", "--limit", "5", until="soon").code == 2


def test_quotas_that_are_only_scheduled_are_listed_with_their_start(
    metering: "Metering", event: "EventBuilder"
) -> None:
    _on_plan(metering)
    metering.ingest(event("r-1", subject="sub-1"))
    path = metering.folder / "plan.json"
    capped = {"id": "capped", "quotas": [CAP, {**EACH, "action": {"downgrade": "gpt-4o-mini"}}]}
    path.write_text(json.dumps(capped))
    said = metering.run("plans", "set", str(path))
    assert said.code == 0, said.stderr
    path.write_text(json.dumps({"id": "free"}))
    assert metering.run("plans", "set", str(path)).code == 0
    later = ("tenants", "set", "acme", "--plan", "free", "--from", "2026-12-01T00:00:00Z")
    assert metering.run(*later).code == 0
    found = metering.run("quotas", "list", "acme", "--json").json
    assert found["quotas"] == []
    block = {"about": "requests a period", "limit": "1", "action": "block", "mode": "enforced"}
    each = {
        "about": "requests a period of each end user",
        "limit": "2",
        "action": "downgrade to gpt-4o-mini",
        "mode": "enforced",
    }
    assert found["scheduled"] == [
        {"start": "2026-11-20T12:05:00Z", "plan": "capped", "quotas": [block, each]},
        {"start": "2026-12-01T00:00:00Z", "plan": "free", "quotas": []},
    ]
    shown = metering.run("quotas", "list", "acme").stdout
    assert "No quota of acme is in force." in shown
    assert "From 2026-11-20T12:05:00Z, on plan capped" in shown
    assert "requests a period of each end user" in shown


def test_a_plan_says_which_quotas_the_configuration_cannot_enforce(metering: "Metering") -> None:
    assert _on_plan(metering, {**CAP, "scope": {"model": "gpt-4o"}}) == ""
    chat = ("deployments", "set", "chat", "--model", "gpt-4o-mini", "--type", "global")
    assert metering.run(*chat).code == 0
    said = _on_plan(
        metering,
        {**CAP, "scope": {"model": "gpt-4o", "end_user": "ada"}},
        {**CAP, "scope": {"subscription": "sub-9"}},
        {**CAP, "scope": {"model": "*"}},
        suspend=True,
    )
    places = [line.removeprefix("warning: plan 'capped': ") for line in said.splitlines()]
    assert [place.split(": ")[:2] for place in places] == [
        ["quotas.0.scope.model", "no deployment is known to serve 'gpt-4o'"],
        ["quotas.0.scope", "a limit on end_user suspends no subscription"],
        ["quotas.1.scope.subscription", "no tenant pays for 'sub-9'"],
        ["suspend", "METERING_APIM_SERVICE is not set"],
    ]
