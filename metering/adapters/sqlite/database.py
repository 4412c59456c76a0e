"""One SQLite file: opened on first use, durable and atomic at every commit.

Reads are done in the event loop: they take microseconds. Writes wait for the disk, so they are done
in a thread and over a connection of their own, in turn.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from metering.core.basics.documents import Document
from metering.core.basics.errors import ConfigurationError, RetryableError

SCHEMA_VERSION: Final = 9

#: Time that a call waits for another process's write, in short sleeps that leave the loop free.
LOCK_PATIENCE_MS: Final = 5_000
_NAP_MS: Final = 20

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS heads (
    ledger TEXT PRIMARY KEY, tenant TEXT NOT NULL, start INTEGER NOT NULL,
    etag INTEGER NOT NULL, next_at INTEGER, document BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS heads_by_tenant ON heads (tenant, start);
CREATE INDEX IF NOT EXISTS heads_due ON heads (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS pages (
    ledger TEXT NOT NULL, number INTEGER NOT NULL, slot INTEGER NOT NULL, document BLOB NOT NULL,
    UNIQUE (ledger, number));
CREATE INDEX IF NOT EXISTS pages_by_slot ON pages (ledger, slot, number);
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    effective INTEGER NOT NULL, recorded INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS record_hashes (number INTEGER PRIMARY KEY, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS price_versions (version TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (
    id TEXT PRIMARY KEY, code TEXT NOT NULL, reason TEXT NOT NULL, hub TEXT NOT NULL,
    body BLOB NOT NULL, partition TEXT NOT NULL, sequence INTEGER NOT NULL,
    received INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS dead_letters_by_time ON dead_letters (received);
CREATE INDEX IF NOT EXISTS dead_letters_by_code ON dead_letters (code, received);
CREATE TABLE IF NOT EXISTS dead_letter_counts (
    code TEXT PRIMARY KEY, kept INTEGER NOT NULL, not_kept INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO dead_letter_counts
    SELECT code, count(*), 0 FROM dead_letters GROUP BY code;
CREATE TABLE IF NOT EXISTS pending (
    request_id TEXT PRIMARY KEY, identity BLOB NOT NULL, since INTEGER NOT NULL,
    resolved INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS pending_by_age ON pending (since) WHERE resolved = 0;
CREATE TABLE IF NOT EXISTS pending_logs (
    kind TEXT NOT NULL, request_id TEXT NOT NULL, body BLOB NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (kind, request_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pending_logs_by_age ON pending_logs (kind, since);
CREATE TABLE IF NOT EXISTS register (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, place TEXT NOT NULL,
    due TEXT, filed INTEGER NOT NULL, content BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS register_by_place ON register (place, number);
CREATE INDEX IF NOT EXISTS register_due ON register (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS register_by_age ON register (filed);
CREATE TABLE IF NOT EXISTS register_marks (name TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS aggregates (
    run TEXT NOT NULL, number INTEGER NOT NULL, due INTEGER, expires INTEGER NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aggregate_runs (run TEXT PRIMARY KEY, etag INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS aggregates_due ON aggregates (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS aggregates_by_age ON aggregates (expires);
CREATE TABLE IF NOT EXISTS effects (
    ledger TEXT NOT NULL, page INTEGER NOT NULL, position INTEGER NOT NULL, kind TEXT NOT NULL,
    detail TEXT NOT NULL, created INTEGER NOT NULL, due INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0, failure TEXT NOT NULL DEFAULT '',
    delivered INTEGER, parked INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ledger, page, position));
CREATE INDEX IF NOT EXISTS effects_due ON effects (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS effects_parked ON effects (created) WHERE parked = 1;
CREATE TABLE IF NOT EXISTS rollups (
    ledger TEXT NOT NULL, name TEXT NOT NULL, etag INTEGER NOT NULL DEFAULT 0,
    document BLOB NOT NULL, PRIMARY KEY (ledger, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS suspensions (
    etag INTEGER PRIMARY KEY AUTOINCREMENT, subscription TEXT NOT NULL UNIQUE,
    phase TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS statements (
    tenant TEXT NOT NULL, start INTEGER NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (tenant, start)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    tenant TEXT PRIMARY KEY, etag INTEGER NOT NULL, document BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS audit (
    id TEXT PRIMARY KEY, act TEXT NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL,
    action TEXT NOT NULL, resource TEXT NOT NULL, outcome TEXT NOT NULL, before TEXT, after TEXT,
    day TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS audit_by_day ON audit (day, id);
CREATE TABLE IF NOT EXISTS sharings (
    month INTEGER NOT NULL, deployment TEXT NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (month, deployment));
CREATE TABLE IF NOT EXISTS accruals (
    month INTEGER NOT NULL, deployment TEXT NOT NULL, at INTEGER NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (month, deployment));
CREATE TABLE IF NOT EXISTS invoices (
    number TEXT PRIMARY KEY, series TEXT NOT NULL, sequence INTEGER NOT NULL, tenant TEXT NOT NULL,
    position INTEGER NOT NULL, subject TEXT NOT NULL UNIQUE, document BLOB NOT NULL,
    UNIQUE (series, sequence), UNIQUE (tenant, position));
"""


class Database:
    """Lazily opened connections. Every transaction takes the write lock before it reads."""

    def __init__(self, path: Path, *, lock_patience_ms: int = LOCK_PATIENCE_MS) -> None:
        self._path = path
        self._patience_ms = lock_patience_ms
        self._connection: sqlite3.Connection | None = None
        self._writing: sqlite3.Connection | None = None
        """Used by the thread alone."""
        self._thread: ThreadPoolExecutor | None = None

    async def read[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the latest committed state."""

        async def call() -> T:
            return work(self._connected())

        return await self._patiently(call)

    async def write[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction: on return all of it is durable; on an error, none.

        If the caller is cancelled meanwhile, it is done or not, as after any crash.
        """
        return await self._patiently(partial(self._beside, partial(self._in_transaction, work)))

    async def all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return await self.read(lambda connection: connection.execute(sql, values).fetchall())

    async def one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""
        rows = await self.all(sql, *values)
        return rows[0] if rows else None

    async def change(self, sql: str, *values: object) -> int:
        """Run one statement in its own transaction; return the number of rows it changed.

        `INSERT OR IGNORE` creates a row unless its key is taken; `UPDATE ... AND etag = ?` replaces
        one unless its tag has changed. Both change no row otherwise.
        """
        return await self.write(lambda connection: connection.execute(sql, values).rowcount)

    async def change_each(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each of these rows, in one transaction."""
        if rows:
            await self.write(lambda connection: connection.executemany(sql, rows))

    async def prepare(self) -> list[str]:
        """Create the file and its tables if they are missing; return what exists, as lines."""
        await self.read(lambda connection: connection.execute("SELECT 1"))
        return [f"store {self._path}: ready, schema {SCHEMA_VERSION}"]

    async def close(self) -> None:
        """Close the file after the writes under way; the next call opens it again."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.get_running_loop().run_in_executor(thread, self._stop_writing)
            thread.shutdown()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.close()
            self._writing = None

    async def _beside[T](self, call: Callable[[], T]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "metering-sqlite")
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _in_transaction[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writing is None:
            self._writing = self._open()
        connection = self._writing
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return result

    async def _patiently[T](self, call: Callable[[], Awaitable[T]]) -> T:
        for _ in range(self._patience_ms // _NAP_MS):
            try:
                return await call()
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise RetryableError(f"store {self._path}: {error}") from error
            except sqlite3.DatabaseError as error:
                raise ConfigurationError(f"store {self._path}: {error}") from error
            await asyncio.sleep(_NAP_MS / 1000)
        raise RetryableError(
            f"store {self._path}: still locked by another process after {self._patience_ms} ms"
        )

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"store {self._path}: {error.strerror}") from None
        connection = sqlite3.connect(
            self._path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        return connection


def parse_document(content: bytes, broken: Callable[[str], Exception]) -> Document:
    """Return the JSON object of a column; raise `broken(reason)` if it is not one."""
    try:
        document = from_json(content)
    except ValueError as error:
        raise broken(f"a document is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise broken("a document is not a JSON object")
    return document


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"store {path}: written by a newer version (schema {version}, this is {SCHEMA_VERSION})"
        )
    if version < SCHEMA_VERSION:
        # A version only adds tables and indexes; existing ones stay as they are.
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")


def _is_busy(error: sqlite3.OperationalError) -> bool:
    primary = (error.sqlite_errorcode or 0) & 0xFF
    return primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
