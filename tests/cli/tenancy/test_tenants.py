"""`metering tenants`: who pays for which subscription, from when on."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import EventBuilder, Metering


def _listed(metering: "Metering", settings: dict[str, str] | None = None) -> dict[str, list[str]]:
    rows = metering.run("tenants", "list", "--json", settings=settings).json
    return {row["tenant"]: row["subscriptions"] for row in rows}


def _tenants_file(metering: "Metering", content: Any) -> "Path":
    path = metering.folder / "tenants.json"
    path.write_text(json.dumps(content))
    return path


def test_a_tenant_pays_for_the_subscriptions_that_were_set(
    metering: "Metering", event: "EventBuilder"
) -> None:
    ran = metering.run(
        *("tenants", "set", "acme", "--subscription", "sub-1", "--subscription", "sub-2")
    )

    assert ran.code == 0
    assert _listed(metering) == {"acme": ["sub-1", "sub-2"]}
    metering.ingest(event("r-1", subject="sub-1"), event("r-2", subject="sub-2"))
    # Two requests at 0.0035.
    assert metering.balance("acme")["amount"] == "0.007"


def test_a_subscription_that_moves_to_another_tenant_leaves_its_history(
    metering: "Metering", event: "EventBuilder"
) -> None:
    later = "2026-11-21T12:00:00Z"
    metering.run("tenants", "set", "first", "--subscription", "sub-1")
    old = event("before", subject="sub-1", time="2026-11-20T11:00:00Z")
    metering.ingest(old)

    metering.run(
        *("tenants", "set", "second", "--subscription", "sub-1", "--move"),
        settings={"METERING_NOW": later},
    )
    ran = metering.ingest(
        old,
        event("late", subject="sub-1", time="2026-11-21T11:59:59.999999Z"),
        event("after", subject="sub-1", time="2026-11-21T12:30:00Z"),
        settings={"METERING_NOW": "2026-11-21T13:00:00Z"},
    )

    assert ran.json == {"accepted": 2, "duplicates": 1, "rejected": {}}
    assert metering.balance("first")["requests"] == 2
    assert metering.balance("second")["requests"] == 1
    assert _listed(metering) == {"first": ["sub-1"], "second": []}
    after = _listed(metering, settings={"METERING_NOW": "2026-11-21T13:00:00Z"})
    assert after == {"first": [], "second": ["sub-1"]}


def test_an_event_from_a_clock_that_is_ahead_counts_once_though_its_subscription_moves(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "set", "first", "--subscription", "sub-1")
    ahead = event("r-1", subject="sub-1", time="2026-11-20T12:03:00Z")
    assert metering.ingest(ahead).json["accepted"] == 1

    moved = {"METERING_NOW": "2026-11-20T12:01:00Z"}
    metering.run("tenants", "set", "second", "--subscription", "sub-1", "--move", settings=moved)
    again = metering.ingest(ahead, settings={"METERING_NOW": "2026-11-20T12:04:00Z"})

    assert again.json == {"accepted": 0, "duplicates": 1, "rejected": {}}
    assert metering.balance("second")["requests"] == 0


def test_a_move_into_the_past_is_refused_in_one_line(metering: "Metering") -> None:
    metering.run("tenants", "set", "first", "--subscription", "sub-1")

    ran = metering.run(
        *("tenants", "set", "second", "--subscription", "sub-1"),
        *("--from", "2026-11-20T11:59:59Z"),
    )

    assert ran.code == 1
    assert "history is never edited" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert _listed(metering) == {"first": ["sub-1"]}


def test_importing_a_tenants_file_twice_changes_nothing(
    metering: "Metering", event: "EventBuilder"
) -> None:
    file = metering.folder / "tenants.yaml"
    file.write_text(
        "plans:\n- {id: reseller, markup: '0.15'}\n"
        "tenants:\n- {id: acme, plan: reseller, subscriptions: [sub-1, 'app:client']}\n"
    )

    for _ in range(2):
        assert metering.run("tenants", "import", file).code == 0
        assert _listed(metering) == {"acme": ["app:client", "sub-1"]}

    metering.ingest(event("r-1", subject="app:client"))
    # 0.0035 x 1.15.
    assert metering.balance("acme")["amount"] == "0.004025"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([], "tenants.json: "),
        ({"tenants": [{"id": "a b"}]}, "tenants.json: tenants.0.id: "),
        ({"plans": [{"id": "p", "markup": 0.15}]}, "tenants.json: plans.0.markup: "),
        (
            {"tenants": [{"id": "a", "subscriptions": ["s"]}, {"id": "b", "subscriptions": ["s"]}]},
            "subscription 's' is claimed by a and b",
        ),
    ],
)
def test_a_tenants_file_that_is_wrong_is_one_line_that_names_the_place(
    metering: "Metering", content: Any, complaint: str
) -> None:
    ran = metering.run("tenants", "import", _tenants_file(metering, content))

    assert ran.code == 1
    assert ran.stderr.startswith("error: ")
    assert complaint in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_with_a_tenants_file_an_unknown_subscription_is_refused(
    metering: "Metering", event: "EventBuilder"
) -> None:
    file = _tenants_file(metering, {"tenants": [{"id": "acme", "subscriptions": ["sub-1"]}]})

    ran = metering.ingest(
        event("ours", subject="sub-1"),
        event("theirs", subject="sub-2"),
        settings={"METERING_TENANTS": str(file)},
    )

    assert ran.code == 1
    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {"unknown_subscription": 1}}
    assert _listed(metering) == {"acme": ["sub-1"]}


def test_a_tenants_file_and_automatic_tenants_go_together_where_the_setting_says_so(
    metering: "Metering", event: "EventBuilder"
) -> None:
    file = _tenants_file(metering, {"tenants": [{"id": "acme", "subscriptions": ["sub-1"]}]})

    ran = metering.ingest(
        event("r-1", subject="sub-2"),
        settings={"METERING_TENANTS": str(file), "METERING_UNKNOWN_SUBSCRIPTION": "auto"},
    )

    assert ran.code == 0
    assert _listed(metering) == {"acme": ["sub-1"], "sub-2": ["sub-2"]}


def test_a_subscription_named_like_anothers_tenant_gets_a_tenant_of_its_own(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "set", "acme", "--subscription", "sub-1")

    metering.ingest(event("theirs", subject="acme"), event("ours", subject="sub-1"))

    payers = _listed(metering)
    assert payers.pop("acme") == ["sub-1"]
    assert list(payers.values()) == [["acme"]]
    assert metering.balance("acme")["requests"] == 1


def test_a_subscription_named_like_the_tenant_of_another_to_come_shares_no_ledger(
    metering: "Metering", event: "EventBuilder", metering_in: "Callable[[Path], Metering]"
) -> None:
    elsewhere = metering_in(metering.folder / "elsewhere")
    elsewhere.folder.mkdir()
    elsewhere.ingest(event("r-1", subject="app:victim"))
    [foreseen] = _listed(elsewhere)

    metering.ingest(event("theirs", subject=foreseen))
    metering.ingest(event("ours", subject="app:victim"))

    payers = _listed(metering)
    assert payers.pop(foreseen) == [foreseen]
    assert list(payers.values()) == [["app:victim"]]
    _, verdicts = metering.verify()
    assert [verdict["entries"] for verdict in verdicts.values()] == [1, 1]
