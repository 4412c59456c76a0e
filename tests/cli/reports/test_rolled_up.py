"""`metering usage` says the same before, between and after roll-ups; `verify` proves the rollup."""

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from metering import bootstrap
from metering.settings.settings import Settings, SqliteStore

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

GROUPINGS = ("day,model", "subscription,use_case,end_user", "deployment,product", "model")


def _roll_up(metering: "Metering") -> int:
    async def run() -> int:
        app = bootstrap.App(Settings(SqliteStore(metering.store)))
        try:
            return await app.roll_up.run()
        finally:
            await app.close()

    return asyncio.run(run())


def _usage(metering: "Metering") -> list[Any]:
    return [
        metering.run("usage", "acme", "--group-by", names, "--json").json for names in GROUPINGS
    ]


@pytest.fixture
def counted(metering: "Metering", event: "EventBuilder") -> "Metering":
    """Return the command over a store with usage of two days, some of it without a price."""
    metering.ingest(
        event("a", data={"use_case": "chat", "end_user": "Zoë"}),
        event("b", data={"use_case": "chat"}, time="2026-11-19T11:30:00Z"),
        event("c", data={"model": "gpt-99"}),
        event("d", data={"tokens": "pending", "usage": None}),
    )
    return metering


def test_usage_is_the_same_before_between_and_after_roll_ups(
    counted: "Metering", event: "EventBuilder"
) -> None:
    before = _usage(counted)
    # a and b: 2 x 0.0035
    assert [row["amount"] for row in before[0]] == ["0.0035", "0.0035", None]
    assert _roll_up(counted) == 2
    assert _usage(counted) == before
    counted.ingest(event("d", data={"use_case": "late"}), event("e", data={"end_user": "Zoë"}))
    between = _usage(counted)
    # a, d and e today
    assert [row["amount"] for row in between[0]] == ["0.0035", "0.0105", None]
    assert _roll_up(counted) == 1
    assert _usage(counted) == between
    assert counted.verify()[0] == 0


def test_a_wrong_rollup_is_a_fault_that_verify_names(counted: "Metering") -> None:
    _roll_up(counted)
    with closing(sqlite3.connect(counted.store)) as store, store:
        store.execute("UPDATE rollups SET document = replace(document, '\"35000', '\"35001')")
    code, verdicts = counted.verify()
    assert code == 1
    ((ledger, verdict),) = verdicts.items()
    assert ledger == "acme|2026-11-01T00:00:00Z"
    assert {fault.partition("day-")[0] for fault in verdict["faults"]} == {"its rollup's "}
    assert all(fault.endswith("is not what its pages give") for fault in verdict["faults"])
    with closing(sqlite3.connect(counted.store)) as store, store:
        store.execute("DELETE FROM rollups")
    assert counted.verify()[0] == 0
