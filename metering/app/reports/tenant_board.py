"""The board of all tenants: filtered, sorted and summed up from memory, shown as committed now."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import batched
from typing import Final, NamedTuple

from metering.app.reports.overview import Overview, TenantNow
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import Instant
from metering.core.reports.board import Board, BoardQuery, BoardRow, SortKey, Totals
from metering.ports import Clock

#: A process reads all heads no more often than this, and on average no more heads a second than
#: HEADS_A_SECOND: 10,000 tenants every 100 seconds, at one to three request units a head.
AT_MOST_EVERY_S: Final = 15.0
HEADS_A_SECOND: Final = 100
#: An answer waits this long for a new board, then it is from the one before.
WAIT_S: Final = 1.0
#: No answer is from a board that began to be due longer ago than this.
LONGEST_S: Final = 600.0
#: Tenants read together.
_BATCH: Final = 100


class BoardPage(NamedTuple):
    """Some tenants in the order of a query."""

    items: Sequence[TenantNow]
    matches: int
    """All tenants that match."""
    next: SortKey | None
    """The key of the last of these; None if there are no more."""


class BoardTotals(NamedTuple):
    """The sums over all tenants, and when they were read."""

    totals: Totals
    as_of: Instant


class _Kept(NamedTuple):
    board: Board
    as_of: Instant
    read_s: float
    """When reading it began, on the clock that runs."""


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
    _kept: _Kept | None = field(init=False, default=None)
    _look: asyncio.Task[None] | None = field(init=False, default=None)
    _fault: RetryableError | None = field(init=False, default=None)

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

    async def _board(self) -> _Kept:
        """Return a board of all tenants; a store that is out of reach raises once it is old."""
        if self._look is None and not self._is_within(self._memory_s()):
            self._look = asyncio.create_task(self._read())
        if self._look is not None:
            is_usable = self._is_within(LONGEST_S)
            ended, _ = await asyncio.wait({self._look}, timeout=self.wait_s if is_usable else None)
            for look in ended:
                look.result()
        kept = self._kept
        if kept is None or not self._is_within(LONGEST_S):
            raise self._fault or RetryableError("the tenants were not read; ask again")
        new = [one for one in self.tenancy.directory.tenants() if one not in kept.board.rows]
        kept.board.add(map(_row, await self.overview.of(new[:_BATCH])))
        return kept

    def _memory_s(self) -> float:
        return max(AT_MOST_EVERY_S, len(self.tenancy.directory.tenants()) / HEADS_A_SECOND)

    def _is_within(self, seconds: float) -> bool:
        return self._kept is not None and self.tenancy.elapsed_s() - self._kept.read_s < seconds

    async def _read(self) -> None:
        began_s, now, board = self.tenancy.elapsed_s(), self.clock.now(), Board()
        try:
            for some in batched(self.tenancy.directory.tenants(), _BATCH, strict=False):
                board.add(map(_row, await self.overview.of(some)))
            self._kept, self._fault = _Kept(board, now, began_s), None
        except RetryableError as fault:
            self._fault = fault
        finally:
            self._look = None

    async def close(self) -> None:
        """Cancel a reading in progress."""
        look = self._look
        if look is not None:
            look.cancel()
            with suppress(asyncio.CancelledError):
                await look


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
