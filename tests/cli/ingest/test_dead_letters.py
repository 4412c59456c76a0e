"""`metering dead-letters`: what was set aside can be counted once its cause is gone."""

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Line, Metering

_REJECT: Final = {"METERING_UNKNOWN_SUBSCRIPTION": "reject"}


def test_a_letter_counts_once_when_its_subscription_has_become_known(
    metering: "Metering", event: "EventBuilder"
) -> None:
    events: list[Line] = [event("r-1"), event("r-2"), b"no JSON"]
    metering.ingest(*events, settings=_REJECT)
    metering.run("tenants", "set", "payer", "--subscription", "acme")

    ran = metering.run("dead-letters", "replay", "--all", "--json", settings=_REJECT)

    assert ran.code == 1
    assert ran.json == {
        "letters": 3,
        "accepted": 2,
        "duplicates": 0,
        "rejected": {"not_json": 1},
    }
    assert [letter["code"] for letter in metering.dead_letters()] == ["not_json"]
    again = metering.ingest(*events, settings=_REJECT)
    assert again.json == {"accepted": 0, "duplicates": 2, "rejected": {"not_json": 1}}
    # Two requests at 0.0035.
    assert metering.balance("payer")["amount"] == "0.007"


def test_the_parked_events_of_a_mended_ledger_count_once(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))
    with closing(sqlite3.connect(metering.store)) as store:
        [(sound,)] = store.execute("SELECT document FROM pages").fetchall()
        with store:
            store.execute("UPDATE pages SET document = ?", [b"{}"])
        assert metering.ingest(event("r-2")).json["rejected"] == {"ledger_stopped": 1}
        with store:
            store.execute("UPDATE pages SET document = ?", [sound])

    replay = ("dead-letters", "replay", "--code", "ledger_stopped", "--all", "--json")

    assert metering.run(*replay).json == {
        "letters": 1,
        "accepted": 1,
        "duplicates": 0,
        "rejected": {},
    }
    assert metering.run(*replay).json == {
        "letters": 0,
        "accepted": 0,
        "duplicates": 0,
        "rejected": {},
    }
    assert metering.dead_letters() == []
    assert metering.verify()[0] == 0
    # Two requests at 0.0035.
    assert metering.balance("acme")["amount"] == "0.007"


def test_counts_that_a_crash_left_behind_are_put_right_by_a_recount(
    metering: "Metering",
) -> None:
    metering.ingest(b"no JSON", b"nor this")
    with closing(sqlite3.connect(metering.store)) as store, store:
        store.execute("UPDATE dead_letter_counts SET kept = 1")
        store.execute("INSERT INTO dead_letter_counts VALUES ('too_old', 3, 0)")

    recount = ("dead-letters", "recount")

    assert metering.run(*recount, "--json").json == {
        "before": {"not_json": 1, "too_old": 3},
        "after": {"not_json": 2},
    }
    assert "not_json" in metering.run(*recount).stdout
    assert metering.run(*recount, "--json").json["before"] == {"not_json": 2}
    actions = [one["action"] for one in metering.run("audit", "--day", "2026-11-20", "--json").json]
    # What was asked, and what came of it.
    assert actions == ["dead_letters.recount"] * 6


def test_the_same_bad_body_is_kept_once_however_often_it_comes(metering: "Metering") -> None:
    for _ in range(2):
        assert metering.ingest(b"no JSON", b"no JSON").json["rejected"] == {"not_json": 2}

    [letter] = metering.dead_letters()
    assert (letter["body"], letter["hub"], letter["sequence"]) == ("no JSON", "usage", 1)
