"""`metering status`: a table for people, JSON for machines, an exit status for both."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering


def test_all_is_well_until_something_waits(metering: "Metering", event: "EventBuilder") -> None:
    metering.ingest(event("r-1"))
    ran = metering.run("status", "--json")
    assert (ran.code, {one["answer"] for one in ran.json}) == (0, {"ok"})
    metering.ingest(b"nonsense")
    ran = metering.run("status")
    assert ran.code == 1
    assert "LOOK" in ran.stdout
    assert "metering dead-letters list" in ran.stdout
