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
        """Keep these; one that is there already stays as it is."""
        if halves:
            await self._database.write(
                lambda connection: connection.executemany(
                    "INSERT OR IGNORE INTO pending (request_id, identity, since) VALUES (?, ?, ?)",
                    halves,
                )
            )

    async def identities_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest unresolved halves that started before `instant`."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT request_id, identity, since FROM pending"
                " WHERE resolved = 0 AND since < ? ORDER BY since LIMIT ?",
                (instant, limit),
            ).fetchall()
        )
        return [PendingHalf(*row) for row in rows]

    async def resolve(self, request_ids: Sequence[str]) -> None:
        """Mark these as settled."""
        if request_ids:
            await self._database.write(
                lambda connection: connection.executemany(
                    "UPDATE pending SET resolved = 1 WHERE request_id = ?",
                    [(request_id,) for request_id in request_ids],
                )
            )

    async def put_logs(self, kind: LogHalf, halves: Sequence[PendingHalf]) -> frozenset[str]:
        """Keep these and return the ids of those that were there already."""
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
        """Return the bodies that are there by request id."""

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
        """Return the oldest halves of kind `recovery` that came before `instant`."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT request_id, body, since FROM pending_logs"
                " WHERE kind = 'recovery' AND since < ? ORDER BY since, request_id LIMIT ?",
                (instant, limit),
            ).fetchall()
        )
        return [PendingHalf(*row) for row in rows]

    async def remove_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> None:
        """Forget these; one that is gone already is no error."""
        statement = (
            "DELETE FROM pending WHERE request_id = ?"
            if kind == "identity"
            else f"DELETE FROM pending_logs WHERE kind = '{kind}' AND request_id = ?"  # noqa: S608, our own literals
        )
        if request_ids:
            await self._database.write(
                lambda connection: connection.executemany(
                    statement, [(request_id,) for request_id in request_ids]
                )
            )

    async def forget_logs(self, before: Instant) -> None:
        """Forget what logs said before `before`: a file has no time to live."""
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM pending_logs WHERE kind IN ('tokens', 'gateway') AND since < ?",
                (before,),
            )
        )

    async def count_waiting(self) -> int:
        """Return how many streams wait for their counts."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT count(*) FROM pending WHERE resolved = 0"
            ).fetchone()
        )
        return int(row[0])

    async def count_pending(self) -> PendingCounts:
        """Return how many there are of each sort."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT (SELECT count(*) FROM pending WHERE resolved = 0),"
                " (SELECT count(*) FROM pending WHERE resolved = 1),"
                " (SELECT count(*) FROM pending_logs WHERE kind = 'tokens'),"
                " (SELECT count(*) FROM pending_logs WHERE kind = 'recovery')"
            ).fetchone()
        )
        return PendingCounts(*row)
