"""Effects in SQLite: the outbox beside the ledgers."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from metering.adapters.sqlite.database import Database
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.effect import Effect, EffectKind
from metering.ports import StoredEffect

_COLUMNS: Final = "ledger, page, position, kind, detail, created, due, attempts, failure"
#: One effect that is not delivered.
_OPEN: Final = "ledger = ? AND page = ? AND position = ? AND delivered IS NULL"


def insert_effects(connection: sqlite3.Connection, effects: Sequence[Effect]) -> None:
    """Insert the effects of a commit, due at once, in the transaction of the commit."""
    connection.executemany(
        "INSERT INTO effects (ledger, page, position, kind, detail, created, due)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(str(effect.ledger), *effect[1:6], effect.created) for effect in effects],
    )


class SqliteEffects:
    """Implements EffectStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: Instant, limit: int) -> list[StoredEffect]:
        """Return the effects neither delivered nor parked that are due by `now`, oldest first."""
        return await self._select(
            "WHERE due <= ? ORDER BY due, ledger, page, position LIMIT ?", now, limit
        )

    async def settle(self, effect: Effect, at: Instant) -> None:
        """Record the delivery of an effect."""
        await self._update(effect, "delivered = ?, due = NULL, parked = 0", at)

    async def postpone(self, effect: Effect, due: Instant, reason: str) -> None:
        """Record a failed attempt and its reason; the next one is due at `due`."""
        await self._update(
            effect, "attempts = attempts + 1, due = ?, failure = ?, parked = 0", due, reason
        )

    async def park(self, effect: Effect, reason: str) -> None:
        """Record the last failed attempt and its reason."""
        await self._update(
            effect, "attempts = attempts + 1, due = NULL, failure = ?, parked = 1", reason
        )

    async def parked(self, limit: int) -> list[StoredEffect]:
        """Return the parked effects, oldest commit first."""
        return await self._select(
            "WHERE parked = 1 ORDER BY created, ledger, page, position LIMIT ?", limit
        )

    async def effects_of(self, ledger: LedgerId, limit: int) -> list[Effect]:
        """Return a ledger's effects, delivered or not, newest first."""
        found = await self._select(
            "WHERE ledger = ? ORDER BY page DESC, position DESC LIMIT ?", str(ledger), limit
        )
        return [stored.effect for stored in found]

    async def _update(self, effect: Effect, change: str, *values: object) -> None:
        await self._database.change(
            f"UPDATE effects SET {change} WHERE {_OPEN}",  # noqa: S608, literals of above
            *(*values, str(effect.ledger), effect.page, effect.position),
        )

    async def _select(self, condition: str, *values: object) -> list[StoredEffect]:
        rows = await self._database.all(
            f"SELECT {_COLUMNS} FROM effects {condition}",  # noqa: S608, literals of above
            *values,
        )
        return [_stored(*row) for row in rows]


def _stored(ledger: str, page: int, position: int, kind: str, *rest: Any) -> StoredEffect:
    detail, created, due, attempts, failure = rest
    effect = Effect(LedgerId.parse(ledger), page, position, EffectKind(kind), detail, created)
    return StoredEffect(effect, due, attempts, failure)
