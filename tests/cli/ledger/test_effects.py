"""`metering effects`: what the outside is still to be told, and what was given up."""

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

_LEDGER: Final = "acme|2026-11-01T00:00:00Z"


def _effects(metering: "Metering", *options: str) -> list[dict[str, Any]]:
    ran = metering.run("effects", "list", "--json", *options)
    assert ran.code == 0, ran.stderr
    found: list[dict[str, Any]] = ran.json
    return found


def _give_up(metering: "Metering") -> None:
    with closing(sqlite3.connect(metering.store)) as store, store:
        store.execute("UPDATE effects SET due = NULL, parked = 1, attempts = 12, failure = 'gone'")


def test_a_model_without_a_price_waits_to_be_told(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"), *(event(f"x-{n}", data={"model": "gpt-99"}) for n in range(3)))

    assert _effects(metering) == [
        {
            "key": f"{_LEDGER}/effect-00000001-0",
            "ledger": _LEDGER,
            "kind": "unpriced",
            "detail": {"model": "gpt-99"},
            "text": f"{_LEDGER}: usage of model 'gpt-99' has no price",
            "created": "2026-11-20T12:00:00Z",
            "due": "2026-11-20T12:00:00Z",
            "parked": False,
            "attempts": 0,
            "failure": None,
        }
    ]
    assert _effects(metering, "--parked") == []
    shown = metering.run("effects", "list").stdout
    assert "usage of model 'gpt-99' has no price" in shown


def test_what_was_given_up_is_listed_and_can_be_tried_once_more(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("x-1", data={"model": "gpt-99"}))
    _give_up(metering)

    [parked] = _effects(metering, "--parked")
    assert (parked["parked"], parked["due"], parked["failure"]) == (True, None, "gone")
    assert _effects(metering) == [parked]
    assert "given up" in metering.run("effects", "list", "--parked").stdout

    assert metering.run("effects", "retry").stdout == "1 effect scheduled again\n"
    assert _effects(metering, "--parked") == []
    assert [waiting["due"] for waiting in _effects(metering)] == ["2026-11-20T12:00:00Z"]


def test_without_effects_there_is_an_empty_list(metering: "Metering") -> None:
    assert _effects(metering) == []
    assert metering.run("effects", "retry").stdout == "0 effects scheduled again\n"
