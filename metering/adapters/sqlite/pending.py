"""Pending halves in SQLite."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from itertools import batched
from typing import Final, Literal

from metering.adapters.sqlite.database import Database
from metering.core.basics.instants import Instant
from metering.ports import LogHalf, PendingCounts, PendingHalf

#: Ids in one statement; SQLite takes 32,766 parameters.
_TOGETHER: Final = 10_000


class SqlitePending:
    """Implements PendingStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_identities(self, halves: Sequence[PendingHalf]) -> None:
        """Store identities, except those that exist."""
        await self._database.change_each(
            "INSERT OR IGNORE INTO pending (request_id, identity, since) VALUES (?, ?, ?)", halves
        )

    async def identities_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest unresolved identities that started before `instant`."""
        rows = await self._database.all(
            "SELECT request_id, identity, since FROM pending"
            " WHERE resolved = 0 AND since < ? ORDER BY since LIMIT ?",
            *(instant, limit),
        )
        return [PendingHalf(*row) for row in rows]

    async def resolve(self, request_ids: Sequence[str]) -> None:
        """Mark identities as settled."""
        await self._database.change_each(
            "UPDATE pending SET resolved = 1 WHERE request_id = ?",
            [(request_id,) for request_id in request_ids],
        )

    async def put_logs(self, kind: LogHalf, halves: Sequence[PendingHalf]) -> frozenset[str]:
        """Store halves and return the request ids of those that existed."""
        if not halves:
            return frozenset()

        def insert(connection: sqlite3.Connection) -> frozenset[str]:
            there = {
                half.request_id
                for half in halves
                if not connection.execute(
                    "INSERT OR IGNORE INTO pending_logs (kind, request_id, body, since)"
                    " VALUES (?, ?, ?, ?)",
                    (kind, *half),
                ).rowcount
            }
            return frozenset(there)

        return await self._database.write(insert)

    async def read_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> Mapping[str, bytes]:
        """Return the bodies that exist, by request id."""

        def select(connection: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for ids in batched(request_ids, _TOGETHER, strict=False):
                marks = ",".join("?" * len(ids))
                query = (
                    f"SELECT request_id, identity FROM pending WHERE request_id IN ({marks})"  # noqa: S608, marks only
                    if kind == "identity"
                    else "SELECT request_id, body FROM pending_logs"  # noqa: S608, marks only
                    f" WHERE kind = '{kind}' AND request_id IN ({marks})"
                )
                found |= dict(connection.execute(query, ids).fetchall())
            return found

        return await self._database.read(select) if request_ids else {}

    async def recoveries_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest halves of kind `recovery` from before `instant`."""
        rows = await self._database.all(
            "SELECT request_id, body, since FROM pending_logs"
            " WHERE kind = 'recovery' AND since < ? ORDER BY since, request_id LIMIT ?",
            *(instant, limit),
        )
        return [PendingHalf(*row) for row in rows]

    async def remove_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> None:
        """Remove halves; ignore those that are already gone."""
        statement = (
            "DELETE FROM pending WHERE request_id = ?"
            if kind == "identity"
            else f"DELETE FROM pending_logs WHERE kind = '{kind}' AND request_id = ?"  # noqa: S608, our own literals
        )
        await self._database.change_each(statement, [(request_id,) for request_id in request_ids])

    async def forget_logs(self, before: Instant) -> None:
        """Remove halves from logs of before `before`: SQLite has no time to live."""
        await self._database.change(
            "DELETE FROM pending_logs WHERE kind IN ('tokens', 'gateway') AND since < ?", before
        )

    async def count_waiting(self) -> int:
        """Return the number of streams that wait for their counts."""
        [(count,)] = await self._database.all("SELECT count(*) FROM pending WHERE resolved = 0")
        return int(count)

    async def count_pending(self) -> PendingCounts:
        """Return the number of halves of each kind."""
        [counts] = await self._database.all(
            "SELECT (SELECT count(*) FROM pending WHERE resolved = 0),"
            " (SELECT count(*) FROM pending WHERE resolved = 1),"
            " (SELECT count(*) FROM pending_logs WHERE kind = 'tokens'),"
            " (SELECT count(*) FROM pending_logs WHERE kind = 'recovery')"
        )
        return PendingCounts(*counts)
