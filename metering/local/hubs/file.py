"""The SQLite file behind the embedded hub: its tables, and transactions safe across processes."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: How long a writer waits for the writer of another process, in seconds.
_BUSY_TIMEOUT_S = 30

_WAL_ATTEMPTS = 300
_WAL_PAUSE_S = 0.1

type Row = tuple[Any, ...]

_TABLES = (
    """CREATE TABLE IF NOT EXISTS partitions (
        hub TEXT NOT NULL, partition INTEGER NOT NULL,
        next_sequence INTEGER NOT NULL, next_offset INTEGER NOT NULL,
        PRIMARY KEY (hub, partition)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS events (
        hub TEXT NOT NULL, partition INTEGER NOT NULL, sequence_number INTEGER NOT NULL,
        byte_offset INTEGER NOT NULL, enqueued_us INTEGER NOT NULL,
        partition_key TEXT, body BLOB NOT NULL,
        PRIMARY KEY (hub, partition, sequence_number))""",
    """CREATE TABLE IF NOT EXISTS checkpoints (
        hub TEXT NOT NULL, consumer_group TEXT NOT NULL, partition INTEGER NOT NULL,
        sequence_number INTEGER NOT NULL,
        PRIMARY KEY (hub, consumer_group, partition)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS leases (
        hub TEXT NOT NULL, consumer_group TEXT NOT NULL, partition INTEGER NOT NULL,
        owner TEXT NOT NULL, expires_us INTEGER NOT NULL,
        PRIMARY KEY (hub, consumer_group, partition)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS timers (
        name TEXT NOT NULL PRIMARY KEY, due_us INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS gateway_logs (
        request TEXT NOT NULL PRIMARY KEY, owner INTEGER NOT NULL, records TEXT NOT NULL)""",
)


class HubFile:
    """One connection to the file. Threads share it under a lock."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        _use_wal(self._db)
        self._db.execute("PRAGMA synchronous = FULL")
        with self.writing() as db:
            for table in _TABLES:
                db.execute(table)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one durable transaction."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """Return the rows of one query."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to write-ahead logging.

    SQLite does not apply its busy timeout to this switch, so two processes that create the same
    file at once would see "database is locked".
    """
    for attempt in range(1, _WAL_ATTEMPTS + 1):
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt == _WAL_ATTEMPTS:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return
