"""The embedded hub: order, partitions, checkpoints, limits, and several processes at once."""

import asyncio
import sys
from pathlib import Path

import pytest

import metering
from metering.core.basics.instants import DAY, SECOND, Instant
from metering.local.hubs.hub import (
    MAX_BODY_BYTES,
    MAX_KEY_CHARACTERS,
    EmbeddedHub,
    HubRefused,
    UnknownHub,
    WrongPartitions,
)
from metering.local.hubs.leases import HostLeases, LeaseKey

_CALLS = 50

_SENDER = """
import sys
from pathlib import Path
from metering.local.hubs.hub import EmbeddedHub
path, name, calls = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
hub = EmbeddedHub(path, lambda: 0)
hub.declare("usage")
for call in range(calls):
    hub.send("usage", [(f"{name}-{call}-{n}".encode(), f"key{n}") for n in range(100)])
hub.close()
"""


def _bodies(hub: EmbeddedHub, name: str) -> list[list[bytes]]:
    return [
        [event.body for event in hub.receive(name, partition, None, 10_000)]
        for partition in range(hub.partition_count(name))
    ]


def _keyed(count: int, key: str = "tenant") -> list[tuple[bytes, str | None]]:
    return [(f"{n}".encode(), key) for n in range(count)]


def test_a_hub_has_four_partitions_unless_told_otherwise(hub: EmbeddedHub) -> None:
    hub.declare("usage")
    hub.declare("logs", 2)
    assert (hub.partition_count("usage"), hub.partition_count("logs")) == (4, 2)


def test_the_number_of_partitions_is_for_good(hub: EmbeddedHub) -> None:
    hub.declare("usage", 2)
    hub.declare("usage", 2)
    with pytest.raises(WrongPartitions, match="usage has 2 partitions for good, not 4"):
        hub.declare("usage")


@pytest.mark.parametrize("partitions", [0, 33])
def test_a_number_of_partitions_out_of_range_is_refused(hub: EmbeddedHub, partitions: int) -> None:
    with pytest.raises(WrongPartitions, match="must be 1 to 32"):
        hub.declare("usage", partitions)


def test_a_hub_nobody_declared_takes_no_events(hub: EmbeddedHub) -> None:
    with pytest.raises(UnknownHub, match="no hub usage"):
        hub.send("usage", [(b"{}", None)])


def test_events_of_a_key_keep_their_order_in_one_partition(hub: EmbeddedHub) -> None:
    hub.declare("usage")
    hub.send("usage", _keyed(5))
    hub.send("usage", [(b"last", "tenant")])
    filled = [bodies for bodies in _bodies(hub, "usage") if bodies]
    assert filled == [[b"0", b"1", b"2", b"3", b"4", b"last"]]


def test_a_key_keeps_its_partition_whoever_opens_the_file(hub: EmbeddedHub, tmp_path: Path) -> None:
    hub.declare("usage", 32)
    other = EmbeddedHub(tmp_path / "hub.sqlite", lambda: 0)
    keys = [f"tenant-{n}" for n in range(50)]
    assert [hub.partition_of("usage", b"a", key) for key in keys] == [
        other.partition_of("usage", b"b", key) for key in keys
    ]
    # Written out, so that a change of the hash cannot move the events of a file to come.
    assert [hub.partition_of("usage", b"", key) for key in keys[:4]] == [16, 14, 12, 5]
    other.close()


def test_events_without_a_key_spread_over_the_partitions(hub: EmbeddedHub) -> None:
    hub.declare("logs")
    hub.send("logs", [(f"{n}".encode(), None) for n in range(200)])
    assert all(len(bodies) > 20 for bodies in _bodies(hub, "logs"))


def test_an_event_comes_back_as_it_was_sent(hub: EmbeddedHub, now: list[Instant]) -> None:
    hub.declare("usage", 1)
    hub.send("usage", [(b"\x00\xff", "tenant"), (b"", None)])
    now[0] += SECOND
    hub.send("usage", [(b"later", "tenant")])
    events = hub.receive("usage", 0, None, 10)
    assert [(e.body, e.partition_key, e.sequence_number) for e in events] == [
        (b"\x00\xff", "tenant", 0),
        (b"", None, 1),
        (b"later", "tenant", 2),
    ]
    assert [event.enqueued_us - now[0] for event in events] == [-SECOND, -SECOND, 0]


def test_offsets_are_numbers_that_grow(hub: EmbeddedHub) -> None:
    hub.declare("usage", 1)
    hub.send("usage", [(b"abc", None), (b"", None), (b"", None)])
    # 64 bytes an event, and the body.
    assert [event.offset for event in hub.receive("usage", 0, None, 10)] == ["0", "67", "131"]


def test_a_reader_gets_at_most_what_it_asks_for_after_where_it_was(hub: EmbeddedHub) -> None:
    hub.declare("usage", 1)
    hub.send("usage", _keyed(10))
    assert [e.sequence_number for e in hub.receive("usage", 0, 3, 4)] == [4, 5, 6, 7]
    assert hub.receive("usage", 0, 9, 4) == []


@pytest.mark.parametrize(
    ("body", "key", "reason"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), None, "Event Hubs refuses more than 1048576"),
        (b"x", "k" * (MAX_KEY_CHARACTERS + 1), "Event Hubs takes 128"),
    ],
)
def test_one_event_that_is_too_large_keeps_the_whole_call_out(
    hub: EmbeddedHub, body: bytes, key: str | None, reason: str
) -> None:
    hub.declare("usage")
    with pytest.raises(HubRefused, match=reason):
        hub.send("usage", [(b"small", None), (body, key)])
    assert hub.backlog("usage", "readers") == 0


def test_the_largest_body_is_taken(hub: EmbeddedHub) -> None:
    hub.declare("usage")
    hub.send("usage", [(b"x" * MAX_BODY_BYTES, "k" * MAX_KEY_CHARACTERS)])
    assert hub.backlog("usage", "readers") == 1


def test_a_checkpoint_never_goes_back(hub: EmbeddedHub) -> None:
    assert hub.checkpoint("usage", "readers", 0) is None
    assert hub.save_checkpoint("usage", "readers", 0, 7)
    assert not hub.save_checkpoint("usage", "readers", 0, 3)
    assert hub.checkpoint("usage", "readers", 0) == 7


def test_a_checkpoint_is_that_of_one_group_and_one_partition(hub: EmbeddedHub) -> None:
    hub.save_checkpoint("usage", "readers", 0, 7)
    assert hub.checkpoint("usage", "others", 0) is None
    assert hub.checkpoint("usage", "readers", 1) is None


def test_only_the_owner_of_the_lease_moves_its_checkpoint(hub: EmbeddedHub) -> None:
    leases = HostLeases(hub, "owner", 10 * SECOND)
    assert leases.hold(LeaseKey("usage", "readers", 0))
    assert not hub.save_checkpoint("usage", "readers", 0, 7, owner="another")
    assert hub.save_checkpoint("usage", "readers", 0, 7, owner="owner")


def test_the_backlog_is_what_a_group_has_not_read(hub: EmbeddedHub) -> None:
    hub.declare("usage", 2)
    hub.send("usage", [(f"{n}".encode(), None) for n in range(20)])
    first = len(hub.receive("usage", 0, None, 100))
    hub.save_checkpoint("usage", "readers", 0, first - 3)
    assert hub.backlog("usage", "readers") == 20 - (first - 2)
    assert hub.backlog("usage", "others") == 20


def test_pruning_takes_only_what_is_old_and_read_by_every_group(
    hub: EmbeddedHub, now: list[Instant]
) -> None:
    hub.declare("usage", 1)
    hub.send("usage", _keyed(10))
    hub.save_checkpoint("usage", "fast", 0, 9)
    hub.save_checkpoint("usage", "slow", 0, 3)
    now[0] += DAY
    assert hub.prune() == 0
    now[0] += 1
    hub.send("usage", [(b"new", None)])
    assert hub.prune() == 4
    assert [e.sequence_number for e in hub.receive("usage", 0, None, 100)] == [*range(4, 11)]
    assert (hub.backlog("usage", "slow"), hub.backlog("usage", "unheard of")) == (7, 7)


def test_pruning_waits_for_a_group_that_has_a_lease_and_has_read_nothing(
    hub: EmbeddedHub, now: list[Instant]
) -> None:
    hub.declare("usage", 1)
    hub.send("usage", _keyed(10))
    hub.save_checkpoint("usage", "fast", 0, 9)
    HostLeases(hub, "stuck", SECOND).hold(LeaseKey("usage", "slow", 0))
    now[0] += 2 * DAY
    assert hub.prune() == 0


def test_sequence_numbers_go_on_after_everything_was_pruned(
    hub: EmbeddedHub, now: list[Instant]
) -> None:
    hub.declare("usage", 1)
    hub.send("usage", _keyed(3))
    hub.save_checkpoint("usage", "readers", 0, 2)
    now[0] += 2 * DAY
    assert hub.prune() == 3
    hub.send("usage", [(b"new", None)])
    assert [e.sequence_number for e in hub.receive("usage", 0, 2, 10)] == [3]


def test_a_file_that_is_opened_again_has_everything(hub: EmbeddedHub, tmp_path: Path) -> None:
    hub.declare("usage", 1)
    hub.send("usage", _keyed(3))
    hub.save_checkpoint("usage", "readers", 0, 1)
    again = EmbeddedHub(tmp_path / "hub.sqlite", lambda: 0)
    assert again.checkpoint("usage", "readers", 0) == 1
    assert again.backlog("usage", "readers") == 1
    again.close()


async def test_two_processes_that_create_and_fill_a_hub_at_once_lose_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "shared.sqlite"
    senders = [await _sender(path, name) for name in ("a", "b")]
    for sender in senders:
        assert sender.stdout is not None
        assert await sender.stdout.readline() == b"ready\n"
    await asyncio.gather(*(sender.communicate(b"go\n") for sender in senders))
    assert [sender.returncode for sender in senders] == [0, 0]
    hub = EmbeddedHub(path, lambda: 0)
    for partition in range(4):
        events = hub.receive("usage", partition, None, 10_000)
        assert [e.sequence_number for e in events] == [*range(len(events))]
    sent = {f"{p}-{c}-{n}".encode() for p in "ab" for c in range(_CALLS) for n in range(100)}
    received = [body for bodies in _bodies(hub, "usage") for body in bodies]
    assert (len(received), set(received)) == (2 * _CALLS * 100, sent)
    hub.close()


async def _sender(path: Path, name: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SENDER, str(path), name, str(_CALLS)),
        cwd=Path(metering.__file__).parents[1],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
