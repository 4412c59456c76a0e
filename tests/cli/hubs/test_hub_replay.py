"""`metering replay`: the command as a process, on our peer of Event Hubs and on the local hub."""

import hashlib
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metering.adapters.clock import SystemClock
from metering.local.hubs.hub import EmbeddedHub
from tests.doubles.event_hubs import EventHubsPeer, Fault

pytest_plugins = ["tests.doubles.event_hubs.fixtures"]

BIG = b"x" * 1_048_577


@pytest.fixture
def settings(event_hubs_peer: EventHubsPeer) -> dict[str, str]:
    return {"UsageHub": event_hubs_peer.connection_string}


def lines(event: Callable[..., dict[str, Any]], count: int) -> list[bytes]:
    """Return events of three tenants, spelled as no serialiser of ours would."""
    made = [event(f"r-{number}", subject=f"tenant-{number % 3}") for number in range(count)]
    return [json.dumps(one, indent=None, separators=(" , ", " :  ")).encode() for one in made]


def kept(peer: EventHubsPeer, hub: str = "usage") -> set[tuple[str | None, bytes]]:
    return {(event.key, event.body) for event in peer.events(hub)}


def test_each_line_is_published_untouched_under_its_subject(
    metering: Any, event: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    bodies = lines(event, 30)
    file = metering.write([*bodies, b"", b'  {"no": "subject"} '])
    ran = metering.run_process("replay", file, "--json", settings=settings)
    assert ran.code == 0, ran.stderr
    loose = b'  {"no": "subject"} '
    expected = {(f"tenant-{number % 3}", body) for number, body in enumerate(bodies)}
    assert kept(event_hubs_peer) == expected | {(hashlib.sha256(loose).hexdigest(), loose)}
    assert ran.json == {
        "published": 31,
        "bytes": sum(map(len, bodies)) + len(loose),
        "failed_attempts": 0,
        "rejected": {},
        "complete": True,
        "skip": 31,
    }


def test_several_files_standard_input_and_another_hub(
    metering: Any, event: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    bodies = lines(event, 6)
    one, other = metering.write(bodies[:2]), metering.write(bodies[2:4])
    stdin = b"\n".join(bodies[4:])
    ran = metering.run_process(
        "replay", one, other, "-", "--hub", "other", settings=settings, stdin=stdin
    )
    assert ran.code == 0, ran.stderr
    assert "published" in ran.stdout
    assert {body for _, body in kept(event_hubs_peer, "other")} == set(bodies)
    assert event_hubs_peer.events("usage") == []


def test_a_dry_run_publishes_nothing_and_needs_no_hub(metering: Any, event: Any) -> None:
    file = metering.write([*lines(event, 5), BIG])
    ran = metering.run("replay", file, "--dry-run", "--skip", "1", "--json")
    size = sum(map(len, lines(event, 5)[1:]))
    assert ran.json == {"events": 4, "bytes": size, "keys": 3, "too_large": 1}
    assert ran.code == 1


def test_a_line_that_no_hub_takes_is_left_out_and_named(
    metering: Any, event: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    bodies = lines(event, 3)
    file = metering.write([bodies[0], BIG, *bodies[1:]])
    ran = metering.run_process("replay", file, "--json", settings=settings)
    assert ran.code == 1
    assert (ran.json["published"], ran.json["rejected"]) == (3, {"too_large": 1})
    assert "event 2 was skipped: a body over 1048576 bytes" in ran.stderr
    assert {body for _, body in kept(event_hubs_peer)} == set(bodies)


def test_a_hub_that_is_busy_is_asked_again_until_it_takes_everything(
    metering: Any, event: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    event_hubs_peer.add(Fault("refuse", times=2))
    event_hubs_peer.add(Fault("drop_before"))
    event_hubs_peer.add(Fault("drop_after"))
    bodies = lines(event, 30)
    ran = metering.run_process("replay", metering.write(bodies), "--json", settings=settings)
    assert ran.code == 0, ran.stderr
    assert ran.json["published"] == 30
    assert ran.json["failed_attempts"] >= 1
    assert {body for _, body in kept(event_hubs_peer)} == set(bodies)


def test_when_it_fails_it_says_where_to_go_on(
    metering: Any, event: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    event_hubs_peer.add(Fault("unauthorised", times=99))
    file = metering.write(lines(event, 3))
    ran = metering.run_process("replay", file, "--skip", "2", "--json", settings=settings)
    assert ran.code == 1
    assert "Azure Event Hubs Data Sender" in ran.stderr
    assert "Continue with --skip 2" in ran.stderr
    assert (ran.json["published"], ran.json["complete"], ran.json["skip"]) == (0, False, 2)


def test_one_that_was_interrupted_goes_on_where_it_stopped(
    metering: Any, event: Any, event_hubs_peer: EventHubsPeer, settings: dict[str, str]
) -> None:
    bodies = lines(event, 400)
    file = metering.write(bodies)
    with metering.start("replay", file, "--rate", "50", "--json", settings=settings) as child:
        deadline = time.monotonic() + 20
        while len(event_hubs_peer.events("usage")) < 20 and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        stdout, stderr = child.communicate(timeout=20)
    assert child.returncode == 130, stderr
    so_far = json.loads(stdout)
    assert 0 < so_far["skip"] < 400
    assert f"--skip {so_far['skip']}" in stderr.decode()
    ran = metering.run_process("replay", file, "--skip", str(so_far["skip"]), settings=settings)
    assert ran.code == 0, ran.stderr
    assert {body for _, body in kept(event_hubs_peer)} == set(bodies)


def test_without_event_hubs_it_goes_to_the_hub_of_the_local_system_which_counts_it_once(
    metering: Any, event: Any
) -> None:
    file = metering.write([event("r-1"), event("r-2"), event("r-1")])
    ran = metering.run("replay", file)
    assert ran.code == 1
    assert "UsageHub__fullyQualifiedNamespace is not set" in ran.stderr
    _declare(metering.folder / "metering.run-hub.db")
    for _ in range(2):
        assert metering.run("replay", file).code == 0
    ran = metering.run("run", "--rate", "0.1", "--seconds", "3", settings={"METERING_NOW": ""})
    assert ran.code == 0, ran.stderr
    balance = metering.balance("acme")
    # Two requests of 0.0035 USD, each sent three or twice times two.
    assert (balance["requests"], balance["amount"]) == (2, "0.007")


def _declare(path: Path) -> None:
    hub = EmbeddedHub(path, SystemClock().now)
    hub.declare("usage")
    hub.close()


def test_what_cannot_be_meant_is_wrong_usage(metering: Any) -> None:
    for arguments in (["nowhere.jsonl"], [], ["-", "--rate", "0"], ["-", "--skip", "-1"]):
        assert metering.run("replay", *arguments).code == 2


@pytest.mark.parametrize("command", ["replay", "simulate"])
def test_help_shows_an_example(metering: Any, command: str) -> None:
    assert f"Example:  metering {command} " in metering.run(command, "--help").stdout
