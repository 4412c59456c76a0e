"""Spans of counters in SQLite."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from pydantic_core import to_json

from metering.adapters.sqlite.database import Database, parse_document
from metering.core.aggregates.span import Span
from metering.core.aggregates.span_document import read_span, write_span
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import Instant
from metering.ports import SpanChange, StoredSpans


class SqliteAggregates:
    """Implements AggregateStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, run: str, limit: int | None) -> StoredSpans:
        """Return the last spans of a run, and its ETag of the same moment."""
        return await self._database.read(lambda connection: _latest(connection, run, limit))

    async def write(
        self, run: str, etag: str | None, changes: Sequence[SpanChange], now: Instant
    ) -> str | None:
        """Write spans in one transaction, unless the run has changed."""
        return await self._database.write(
            lambda connection: _write(connection, run, etag, changes, now)
        )

    async def due(self, until: Instant, limit: int) -> list[Span]:
        """Return spans that are due."""
        query = "SELECT content FROM aggregates WHERE due <= ? LIMIT ?"
        return _spans(await self._database.all(query, until, limit))

    async def between(self, first: int, end: int) -> AsyncIterator[Span]:
        """Yield spans by their numbers."""
        query = "SELECT content FROM aggregates WHERE number >= ? AND number < ?"
        for span in _spans(await self._database.all(query, first, end)):
            yield span

    async def forget(self, before: Instant) -> None:
        """Delete spans that have expired: SQLite has no time to live."""
        await self._database.change("DELETE FROM aggregates WHERE expires < ?", before)


def _latest(connection: sqlite3.Connection, run: str, limit: int | None) -> StoredSpans:
    rows = connection.execute(
        "SELECT content FROM aggregates WHERE run = ? ORDER BY number DESC LIMIT ?",
        (run, -1 if limit is None else limit),
    ).fetchall()
    return StoredSpans(_spans(reversed(rows)), _etag(connection, run))


def _etag(connection: sqlite3.Connection, run: str) -> str | None:
    found = connection.execute("SELECT etag FROM aggregate_runs WHERE run = ?", (run,)).fetchone()
    return None if found is None else str(found[0])


def _write(
    connection: sqlite3.Connection,
    run: str,
    etag: str | None,
    changes: Iterable[SpanChange],
    now: Instant,
) -> str | None:
    if _etag(connection, run) != etag:
        return None
    connection.executemany(
        "REPLACE INTO aggregates (run, number, due, expires, content) VALUES (?, ?, ?, ?, ?)",
        [
            (run, span.number, due, now + keep_for, to_json(write_span(span)))
            for span, keep_for, due in changes
        ],
    )
    connection.execute(
        "INSERT INTO aggregate_runs (run, etag) VALUES (?, 1)"
        " ON CONFLICT DO UPDATE SET etag = etag + 1",
        (run,),
    )
    return _etag(connection, run)


def _spans(rows: Iterable[tuple[Any, ...]]) -> list[Span]:
    return [read_span(parse_document(content, RetryableError)) for (content,) in rows]
