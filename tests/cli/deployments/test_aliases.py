"""`metering aliases`: set by hand, imported from a file and a backend contract, and listed."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

CONTRACT = """using 'main.bicep'

// param modelAliases = ['not this one']
param apim = {
  name: 'apim-citadel' // the gateway
  enabled: true
  capacity: 1
}
param location = resourceGroup().location
param greeting = 'hello ${location}'
param text = '''
several lines'''
/* param modelAliases = [] */
param modelAliases = [
  {
    name: 'adv-gpt'
    models: ['gpt-5', 'gpt-4.1', 'it\\'s-own'] // the order of fail-over
    strategy: 'priority'
    'session-aware': null
  }
  {
    name: 'ab-test', models: [{ model: 'gpt-4o', weight: 70 }, { model: 'gpt-4o-mini', weight: 3 }]
  }
]
"""


def _listed(metering: "Metering") -> dict[str, Any]:
    return {one["alias"]: one for one in metering.run("aliases", "list", "--json").json}


def test_an_alias_is_set_changed_scheduled_and_retired(metering: "Metering") -> None:
    smart = ("aliases", "set", "smart", "--target", "gpt-4o")
    assert metering.run(*smart).stdout == "alias smart: from the beginning\n"
    assert metering.run(*smart).stdout == "alias smart: unchanged\n"
    more = metering.run(*smart, "--target", "gpt-99")
    assert more.stdout == "alias smart: from 2026-11-20T12:05:00Z\n"
    past = metering.run(*smart, "--target", "gpt-99", "--from", "2026-11-01")
    assert "history is never edited" in past.stderr
    retired = metering.run("aliases", "set", "Smart", "--retire", "--from", "2026-12-01")
    assert retired.stdout == "alias Smart: from 2026-12-01T00:00:00Z\n"
    assert _listed(metering)["smart"] == {
        "alias": "smart",
        "targets": [{"target": "gpt-4o", "model": "gpt-4o", "deployment": None}],
        "unknown_targets": [],
        "is_model": False,
        "in_force": True,
        "scheduled": [
            {"since": "2026-11-20T12:05:00Z", "targets": ["gpt-4o", "gpt-99"]},
            {"since": "2026-12-01T00:00:00Z", "targets": []},
        ],
    }
    table = metering.run("aliases", "list").stdout
    assert "2026-12-01T00:00:00Z: retired" in " ".join(table.split())
    done = [one["action"] for one in metering.run("audit", "--day", "2026-11-20", "--json").json]
    assert "alias.set" in str(done)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("smart",), "give --target at least once, or --retire"),
        (("smart", "--target", "x", "--retire"), "give --target at least once, or --retire"),
        (("smart", "--target", "smart"), "leads to itself"),
        (("a b", "--target", "x"), "alias 'a b': alias: "),
    ],
)
def test_what_is_no_alias_is_refused(
    metering: "Metering", arguments: tuple[str, ...], complaint: str
) -> None:
    ran = metering.run("aliases", "set", *arguments)
    assert ran.code != 0
    assert complaint in ran.stderr


def test_a_citadel_backend_contract_is_imported_whole(metering: "Metering") -> None:
    file = metering.folder / "llm-backends.bicepparam"
    file.write_text(CONTRACT)
    planned = metering.run("aliases", "import", file, "--dry-run", "--json").json
    assert [(one["alias"], one["targets"], one["result"]) for one in planned] == [
        ("adv-gpt", ["gpt-5", "gpt-4.1", "it's-own"], "would be recorded"),
        ("ab-test", ["gpt-4o", "gpt-4o-mini"], "would be recorded"),
    ]
    assert _listed(metering) == {}
    assert "from the beginning" in metering.run("aliases", "import", file).stdout
    again = metering.run("aliases", "import", file, "--json").json
    assert {one["result"] for one in again} == {"unchanged"}
    assert _listed(metering)["adv-gpt"]["unknown_targets"] == ["it's-own"]
    assert "it's-own is no known" in " ".join(metering.run("aliases", "list").stdout.split())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("param modelAliases = [", "has no list of aliases"),
        ("param modelAliases = [aliases]", "has no list of aliases"),
        ("param modelAliases = {name 'x'}", "has no list of aliases"),
        ("param modelAliases = " + "[" * 200 + "]" * 200, "has no list of aliases"),
        (b"\xff", "can't decode"),
    ],
)
def test_a_contract_that_says_nothing_is_refused(
    metering: "Metering", content: str | bytes, complaint: str
) -> None:
    file = metering.folder / "c.bicepparam"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ran = metering.run("aliases", "import", file)
    assert (ran.code, complaint in ran.stderr) == (1, True)


def test_a_file_is_imported_with_its_starts_and_a_contract_as_json(metering: "Metering") -> None:
    file = metering.folder / "aliases.json"
    listed = [
        {"alias": "smart", "targets": ["gpt-4o"]},
        {"alias": "fast", "targets": ["gpt-4o-mini"], "from": "2026-12-01"},
    ]
    file.write_text(json.dumps({"aliases": listed}))
    done = metering.run("aliases", "import", file, "--json").json
    assert [one["holds_from"] for one in done] == ["1970-01-01T00:00:00Z", "2026-12-01T00:00:00Z"]
    listed_now = _listed(metering)
    assert (listed_now["smart"]["in_force"], listed_now["fast"]["in_force"]) == (True, False)
    assert "not yet in force" in " ".join(metering.run("aliases", "list").stdout.split())
    value = {"modelAliases": {"value": [{"name": "gpt-4o", "models": ["gpt-4o-mini"]}]}}
    file.write_text(json.dumps({"parameters": value}))
    refused = metering.run("aliases", "import", file)
    assert "is a target of the alias 'smart'" in refused.stderr


def test_requests_without_a_price_say_why_and_are_priced_after_the_declaration(
    metering: "Metering", event: "EventBuilder"
) -> None:
    names = {"model": None, "deployment": "smart", "requested_model": "smart"}
    asked = event("a-1", data={**names, "backend": "eu-ai"})
    metering.ingest(asked)
    (before,) = metering.run("requests", "list", "--tenant", "acme", "--json").json["requests"]
    assert (before["unpriced_reason"], before["model"]) == ("alias_unresolved", None)
    assert (before["requested_model"], before["deployment"]) == ("smart", "smart")
    assert (before["backend"], before["model_served"]) == ("eu-ai", None)
    metering.run("aliases", "set", "smart", "--target", "gpt-4o")
    metering.run("prices", "rerate", "--apply")
    one = ("requests", "list", "--tenant", "acme", "--requested-model", "smart", "--json")
    (after,) = metering.run(*one, "--backend", "eu-ai").json["requests"]
    assert (after["unpriced_reason"], after["model"], after["amount"]) == (None, "gpt-4o", "0.0035")
    assert metering.run(*one, "--backend", "us-ai").json["requests"] == []
    rows = metering.run("usage", "acme", "--group-by", "requested_model,backend", "--json").json
    assert [one["group"] for one in rows] == [{"requested_model": "smart", "backend": "eu-ai"}]
