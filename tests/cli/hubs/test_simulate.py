"""`metering simulate`: the command as a process, on our peer of Event Hubs."""

import json
import signal
import time
from itertools import islice
from typing import Any, Final

import pytest

from metering.core.basics.instants import parse_instant
from metering.local.demo.live import live_events
from metering.local.demo.trace import read_trace
from tests.doubles.event_hubs import EventHubsPeer, Fault

#: What the command's clock says (conftest.py).
NOW: Final = "2026-11-20T12:00:00Z"

pytest_plugins = ["tests.doubles.event_hubs.fixtures"]


@pytest.fixture
def settings(event_hubs_peer: EventHubsPeer) -> dict[str, str]:
    return {"UsageHub": event_hubs_peer.connection_string}


def test_so_many_events_of_many_tenants_arrive_and_can_all_be_counted(
    metering: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    ran = metering.run_process(
        *("simulate", "--count", "300", "--rate", "3000", "--tenants", "20", "--json"),
        settings=settings,
    )
    assert ran.code == 0, ran.stderr
    events = event_hubs_peer.events("usage")
    assert len(events) == 300
    assert {event.key for event in events} <= {f"sim-{n:06d}" for n in range(1, 21)}
    assert all(json.loads(event.body)["subject"] == event.key for event in events)
    assert ran.json["published"] == 300
    assert ran.json["bytes"] == sum(len(event.body) for event in events)
    assert ran.json["events_per_second"] > 0
    counted = metering.ingest(*(event.body for event in events)).json
    ids = {json.loads(event.body)["id"] for event in events}
    assert counted == {"accepted": len(ids), "duplicates": 300 - len(ids), "rejected": {}}


def test_it_ends_when_its_time_is_over(
    metering: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    ran = metering.run_process("simulate", "--duration", "1", "--rate", "100", settings=settings)
    assert ran.code == 0, ran.stderr
    assert "events per second" in ran.stdout
    assert 0 < len(event_hubs_peer.events("usage")) <= 110


def test_a_hub_that_refuses_and_cuts_connections_loses_nothing(
    metering: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    event_hubs_peer.add(Fault("refuse", times=2, after=2))
    event_hubs_peer.add(Fault("drop_before", after=3))
    event_hubs_peer.add(Fault("drop_after", after=4))
    ran = metering.run_process(
        "simulate", "--count", "200", "--rate", "2000", "--json", settings=settings
    )
    assert ran.code == 0, ran.stderr
    assert (ran.json["published"], ran.json["rejected"]) == (200, 0)
    assert ran.json["failed_attempts"] >= 1
    # The same requests are made again from the standing clock of the command.
    made = live_events(read_trace(), parse_instant(NOW), 2_000)
    assert {event.body for event in event_hubs_peer.events("usage")} == {
        body for body, _ in islice(made, 200)
    }


def test_an_interrupt_ends_it_with_its_summary(
    metering: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    with metering.start("simulate", "--rate", "200", "--json", settings=settings) as child:
        deadline = time.monotonic() + 20
        while not event_hubs_peer.events("usage") and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        stdout, stderr = child.communicate(timeout=20)
    assert child.returncode == 0, stderr
    assert json.loads(stdout)["published"] == len(event_hubs_peer.events("usage"))


def test_a_hub_that_is_not_there_fails_with_a_summary(
    metering: Any, settings: dict[str, str]
) -> None:
    ran = metering.run_process(
        "simulate", "--hub", "nowhere", "--count", "5", "--json", settings=settings
    )
    assert ran.code == 1
    assert "nowhere: does not exist" in ran.stderr
    assert ran.json["published"] == 0


def test_what_cannot_be_meant_is_wrong_usage(metering: Any) -> None:
    for arguments in (["--rate", "0"], ["--count", "0"], ["--tenants", "0"], ["--trace", "no"]):
        assert metering.run("simulate", *arguments).code == 2
