"""Partial records that versions before the register left in SQLite."""

from collections.abc import Collection, Mapping
from itertools import batched
from typing import Final, Literal

from metering.adapters.sqlite.database import Database
from metering.ports import PendingHalf, PendingKind

#: Ids in one statement; SQLite takes 32,766 parameters.
_TOGETHER: Final = 10_000
_OLDEST: Final = {
    "identity": "SELECT request_id, identity, since, resolved FROM pending ORDER BY since LIMIT ?",
    "recovery": "SELECT request_id, body, since, 0 FROM pending_logs WHERE kind = 'recovery'"
    " ORDER BY since, request_id LIMIT ?",
}


class SqlitePending:
    """Implements PendingStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_pending(
        self, kind: Literal["identity", "recovery"], limit: int
    ) -> list[PendingHalf]:
        """Return the oldest halves of a kind."""
        rows = await self._database.all(_OLDEST[kind], limit)
        return [
            PendingHalf(name, body, since, bool(settled)) for name, body, since, settled in rows
        ]

    async def read_halves(
        self, kind: Literal["tokens", "gateway"], request_ids: Collection[str]
    ) -> Mapping[str, bytes]:
        """Return the bodies that exist, by request id."""
        found: dict[str, bytes] = {}
        for ids in batched(request_ids, _TOGETHER, strict=False):
            marks = ",".join("?" * len(ids))
            query = f"SELECT request_id, body FROM pending_logs WHERE kind = ? AND request_id IN ({marks})"  # noqa: S608, E501, marks only
            found |= dict(await self._database.all(query, kind, *ids))
        return found

    async def remove_halves(self, kind: PendingKind, request_ids: Collection[str]) -> None:
        """Remove halves; ignore those that are already gone."""
        if kind == "identity":
            rows: list[tuple[str, ...]] = [(request_id,) for request_id in request_ids]
            await self._database.change_each("DELETE FROM pending WHERE request_id = ?", rows)
            return
        await self._database.change_each(
            "DELETE FROM pending_logs WHERE kind = ? AND request_id = ?",
            [(kind, request_id) for request_id in request_ids],
        )
