"""An embedded stand-in for Event Hubs: hubs with partitions, kept in one SQLite file.

Order holds within a partition only. Delivery is at least once: a reader goes on from its
checkpoint. Several processes may have the file open; each opens a hub of its own.
"""

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from metering.core.basics.errors import ConfigurationError, MeteringError
from metering.core.basics.instants import DAY, Instant
from metering.local.hubs.file import HubFile

DEFAULT_PARTITIONS = 4

#: What the standard tier of Event Hubs allows in a hub.
MAX_PARTITIONS = 32

#: Event Hubs refuses a publication above 1 MB.
MAX_BODY_BYTES = 1_048_576

#: The longest partition key that Event Hubs takes, in characters.
MAX_KEY_CHARACTERS = 128

#: What an event takes in a partition beside its body, so that offsets grow for empty bodies too.
_EVENT_OVERHEAD_BYTES = 64

type Outgoing = tuple[bytes, str | None]
"""An event to send: its body and its partition key."""


class HubRefused(MeteringError):
    """Event Hubs would reject this event. Nothing of the call was sent."""


class WrongPartitions(ConfigurationError):
    """The number of partitions is out of range, or differs from that of the hub."""


class UnknownHub(ConfigurationError):
    """The file has no hub of this name."""


@dataclass(frozen=True, slots=True)
class HubEvent:
    """An event in a partition; `enqueued_us` is in microseconds since the epoch, UTC."""

    body: bytes
    partition_key: str | None
    sequence_number: int
    offset: str
    enqueued_us: Instant


class EmbeddedHub:
    """Named hubs in a file. `clock` returns the present instant, in microseconds, UTC.

    Every change is on disk when its call returns. Calls block for as long as the disk takes, and
    at most 30 seconds for the writer of another process (then sqlite3.OperationalError).
    """

    def __init__(self, path: Path, clock: Callable[[], Instant]) -> None:
        self.clock = clock
        self.file = HubFile(path)
        self._partitions: dict[str, int] = {}

    def declare(self, hub: str, partitions: int = DEFAULT_PARTITIONS) -> None:
        """Create a hub unless it is there. Raises WrongPartitions if it has another number."""
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise WrongPartitions(f"{hub}: {partitions} partitions, must be 1 to {MAX_PARTITIONS}")
        with self.file.writing() as db:
            found = db.execute("SELECT COUNT(*) FROM partitions WHERE hub = ?", (hub,)).fetchone()[
                0
            ]
            if not found:
                rows = [(hub, partition) for partition in range(partitions)]
                db.executemany("INSERT INTO partitions VALUES (?, ?, 0, 0)", rows)
        if found not in {0, partitions}:
            raise WrongPartitions(f"{hub} has {found} partitions for good, not {partitions}")

    def is_declared(self, hub: str) -> bool:
        """Return whether the file has a hub of this name."""
        return bool(self.file.rows("SELECT 1 FROM partitions WHERE hub = ? LIMIT 1", (hub,)))

    def partition_count(self, hub: str) -> int:
        """Return the number of partitions of a hub. Raises UnknownHub."""
        if hub not in self._partitions:
            count = self.file.rows("SELECT COUNT(*) FROM partitions WHERE hub = ?", (hub,))[0][0]
            if not count:
                raise UnknownHub(f"no hub {hub} was declared in this file")
            self._partitions[hub] = count
        return self._partitions[hub]

    def partition_of(self, hub: str, body: bytes, partition_key: str | None) -> int:
        """Return the partition of an event, by its key or, without one, by its body."""
        source = body if partition_key is None else partition_key.encode()
        digest = hashlib.sha256(source).digest()
        return int.from_bytes(digest[:8]) % self.partition_count(hub)

    def send(self, hub: str, events: Sequence[Outgoing]) -> None:
        """Append events, each a body and a partition key, all of them or none.

        Events of one partition keep the order of the call. Raises HubRefused for a body or a key
        that is too long, and UnknownHub.
        """
        _check_sizes(events)
        routed = defaultdict[int, list[Outgoing]](list)
        for body, key in events:
            routed[self.partition_of(hub, body, key)].append((body, key))
        with self.file.writing() as db:
            now = self.clock()
            for partition, share in routed.items():
                _append(db, (hub, partition), share, now)

    def receive(
        self, hub: str, partition: int, after_sequence: int | None, max_events: int
    ) -> list[HubEvent]:
        """Return the next events of a partition in order.

        `after_sequence` is the last one already read, None to start from the oldest kept.
        """
        rows = self.file.rows(
            "SELECT body, partition_key, sequence_number, byte_offset, enqueued_us FROM events"
            " WHERE hub = ? AND partition = ? AND sequence_number > ?"
            " ORDER BY sequence_number LIMIT ?",
            (hub, partition, -1 if after_sequence is None else after_sequence, max_events),
        )
        return [
            HubEvent(body, key, sequence, str(offset), enqueued_us)
            for body, key, sequence, offset, enqueued_us in rows
        ]

    def checkpoint(self, hub: str, group: str, partition: int) -> int | None:
        """Return the checkpoint of a group, or None."""
        rows = self.file.rows(
            "SELECT sequence_number FROM checkpoints"
            " WHERE hub = ? AND consumer_group = ? AND partition = ?",
            (hub, group, partition),
        )
        return rows[0][0] if rows else None

    def save_checkpoint(
        self,
        hub: str,
        group: str,
        partition: int,
        sequence_number: int,
        *,
        owner: str | None = None,
    ) -> bool:
        """Move a checkpoint forward and return whether it moved. It never moves backwards.

        With an owner it moves only while the partition's lease is that owner's.
        """
        place = (hub, group, partition)
        with self.file.writing() as db:
            moved = db.execute(
                "INSERT INTO checkpoints SELECT ?, ?, ?, ? WHERE ? IS NULL OR ? = (SELECT owner"
                " FROM leases WHERE hub = ? AND consumer_group = ? AND partition = ?)"
                " ON CONFLICT DO UPDATE SET sequence_number = excluded.sequence_number"
                " WHERE excluded.sequence_number > sequence_number",
                (*place, sequence_number, owner, owner, *place),
            )
            return moved.rowcount == 1

    def backlog(self, hub: str, group: str) -> int:
        """Return the number of events of a hub that a group has not read."""
        rows = self.file.rows(
            "SELECT SUM(next_sequence - 1 - COALESCE(c.sequence_number,"
            " (SELECT MIN(e.sequence_number) - 1 FROM events AS e"
            "  WHERE e.hub = p.hub AND e.partition = p.partition), next_sequence - 1))"
            " FROM partitions AS p LEFT JOIN checkpoints AS c ON c.hub = p.hub"
            " AND c.partition = p.partition AND c.consumer_group = ? WHERE p.hub = ?",
            (group, hub),
        )
        return rows[0][0] or 0

    def prune(self, retention_us: int = DAY) -> int:
        """Delete events that every group has read and that are older than the retention (µs).

        A group counts from its first checkpoint or lease. Returns the number of events deleted.
        """
        before = self.clock() - retention_us
        with self.file.writing() as db:
            read_by_all = db.execute(
                "SELECT p.hub, p.partition, MIN(COALESCE(c.sequence_number, -1))"
                " FROM partitions AS p JOIN (SELECT hub, consumer_group FROM checkpoints"
                "  UNION SELECT hub, consumer_group FROM leases) AS g ON g.hub = p.hub"
                " LEFT JOIN checkpoints AS c ON c.hub = p.hub AND c.partition = p.partition"
                " AND c.consumer_group = g.consumer_group GROUP BY p.hub, p.partition"
            ).fetchall()
            deleted = db.executemany(
                "DELETE FROM events WHERE hub = ? AND partition = ? AND sequence_number <= ?"
                " AND enqueued_us < ?",
                [(*row, before) for row in read_by_all],
            )
            return max(deleted.rowcount, 0)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _check_sizes(events: Sequence[Outgoing]) -> None:
    for body, key in events:
        if len(body) > MAX_BODY_BYTES:
            raise HubRefused(
                f"a body of {len(body)} bytes: Event Hubs refuses more than {MAX_BODY_BYTES}"
            )
        if key is not None and len(key) > MAX_KEY_CHARACTERS:
            raise HubRefused(
                f"a partition key of {len(key)} characters: Event Hubs takes {MAX_KEY_CHARACTERS}"
            )


def _append(
    db: sqlite3.Connection, place: tuple[str, int], events: Sequence[Outgoing], now: Instant
) -> None:
    sequence, offset = db.execute(
        "SELECT next_sequence, next_offset FROM partitions WHERE hub = ? AND partition = ?", place
    ).fetchone()
    rows = []
    for body, key in events:
        rows.append((*place, sequence, offset, now, key, body))
        sequence += 1
        offset += len(body) + _EVENT_OVERHEAD_BYTES
    db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    db.execute(
        "UPDATE partitions SET next_sequence = ?, next_offset = ? WHERE hub = ? AND partition = ?",
        (sequence, offset, *place),
    )
