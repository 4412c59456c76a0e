"""The board of all tenants: filtered, sorted and summed up from memory, shown as committed now."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Final, NamedTuple

from metering.app.ledger.renewed import WAIT_S, Renewed
from metering.app.reports.overview import Overview, TenantNow
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.reports.board import Board, BoardQuery, BoardRow, SortKey, Totals
from metering.ports import Clock

#: A process reads all heads no more often than this, and on average no more heads a second than
#: HEADS_A_SECOND: 10,000 tenants every 100 seconds, at one to three request units a head.
AT_MOST_EVERY_S: Final = 15.0
HEADS_A_SECOND: Final = 100
#: Tenants read together; other work has its turn after them for as long as they took.
_BATCH: Final = 16
#: New tenants that are added to the board at once.
_NEW: Final = 100


class BoardPage(NamedTuple):
    """Some tenants in the order of a query."""

    items: Sequence[TenantNow]
    matches: int
    """All tenants that match."""
    next: SortKey | None
    """The key of the last of these; None if there are no more."""


class _Read(NamedTuple):
    board: Board
    as_of: Instant


class BoardTotals(NamedTuple):
    """The sums over all tenants, and when they were read."""

    totals: Totals
    as_of: Instant


@dataclass(slots=True, kw_only=True)
class TenantBoard:
    """The use case behind the operator's page and `/api/overview`.

    Order, filters and sums come from a board in memory, which costs one head a tenant and is
    renewed while somebody asks. The tenants of a page are read when it is asked for.
    """

    overview: Overview
    tenancy: Tenancy
    clock: Clock
    wait_s: float = WAIT_S
    _renewed: Renewed[_Read] = field(init=False)

    def __post_init__(self) -> None:
        """Keep the board as long as its size asks for."""
        self._renewed = Renewed(
            read=self._read,
            memory_s=self._memory_s,
            elapsed_s=self._elapsed_s,
            wait_s=self.wait_s,
        )

    async def page(self, query: BoardQuery, after: SortKey | None, limit: int) -> BoardPage:
        """Return at most `limit` tenants that match, after a key.

        Names alone answer a search that is sorted by name, so that it reads no other heads.
        """
        await self.tenancy.refresh_if_due()
        if query.is_by_name:
            names = filter(query.names, self.tenancy.directory.tenants())
            keys: list[SortKey] = [("", 0, name) for name in names]
            keys.sort(key=query.place)
        else:
            keys = (await self._board()).board.found(query)
        place = None if after is None else query.place(after)
        rest = keys if place is None else [one for one in keys if query.place(one) > place]
        shown = rest[:limit]
        items = await self.overview.of([tenant for _, _, tenant in shown])
        return BoardPage(items, len(keys), shown[-1] if len(rest) > limit else None)

    async def totals(self) -> BoardTotals:
        """Return the sums over all tenants."""
        await self.tenancy.refresh_if_due()
        kept = await self._board()
        return BoardTotals(kept.board.totals(), kept.as_of)

    async def _board(self) -> _Read:
        """Return a board of all tenants; a store that is out of reach raises once it is old."""
        kept = await self._renewed.known()
        new = [one for one in self.tenancy.directory.tenants() if one not in kept.board.rows]
        kept.board.add(map(_row, await self.overview.of(new[:_NEW])))
        return kept

    def _elapsed_s(self) -> float:
        return self.tenancy.elapsed_s()

    def _memory_s(self) -> float:
        return max(AT_MOST_EVERY_S, len(self.tenancy.directory.tenants()) / HEADS_A_SECOND)

    async def _read(self) -> _Read:
        now, board = self.clock.now(), Board()
        for some in batched(self.tenancy.directory.tenants(), _BATCH, strict=False):
            began_s = self.tenancy.elapsed_s()
            board.add(map(_row, await self.overview.of(some)))
            await asyncio.sleep(self.tenancy.elapsed_s() - began_s)
        return _Read(board, now)

    async def close(self) -> None:
        """Cancel a reading in progress."""
        await self._renewed.close()


def _row(one: TenantNow) -> BoardRow:
    balance, nearest = one.balance, one.nearest
    diagnostics = balance.head.diagnostics
    return BoardRow(
        tenant=one.tenant,
        standing=one.standing,
        percent=0 if nearest is None else nearest.percent,
        plan=balance.plan.id,
        currency=balance.currency,
        amount=balance.amount,
        projected=one.trend.projected,
        provisioned=one.provisioned,
        requests=balance.total.requests,
        duplicates=diagnostics.duplicates,
        conflicts=diagnostics.conflicts,
        unpriced=balance.total.unpriced,
        missing=balance.total.missing,
        pending=balance.held_requests,
        last_commit=balance.head.committed,
        fault=one.fault,
    )
