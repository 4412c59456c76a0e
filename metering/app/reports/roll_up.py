"""Roll up ledgers: take the pages committed since into the usage by day and dimension."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from metering.app.reports.rollup_reading import must_belong, read_listed
from metering.core.basics.errors import HeadMovedError, LedgerBroken, RollupBroken
from metering.core.calendars.periods import LedgerId
from metering.core.reports.rollup import Cursor, Intake
from metering.core.reports.rollup_document import MAX_STEP_BYTES, Step, step_of
from metering.ports import Alerts, LedgerStore, RollupStore, StoredCursor

#: Pages of one ledger taken in by one run of the timer; the next run takes the rest.
MAX_PAGES_A_RUN: Final = 2_000
#: Runs for which a ledger that stands still is left alone, at most: an hour of them. Nobody reads
#: anything old because of it, for readers take what is not rolled up from the pages.
MAX_REST: Final = 60


@dataclass(slots=True)
class _Watched:
    """What a process remembers of one ledger's rollup."""

    page: int = 0
    """The last page that needs no look any more."""
    stored: StoredCursor | None = None
    """The cursor, while every run finds new pages: it lists all parts, so it is not small."""
    still: int = 0
    """Looks in a row that found nothing new."""
    rest: int = 0
    """Runs until the next look."""


class RollUp:
    """The use case behind the timer `roll_up`."""

    def __init__(self, ledgers: LedgerStore, rollups: RollupStore, alerts: Alerts) -> None:
        self._ledgers = ledgers
        self._rollups = rollups
        self._alerts = alerts
        self._watched: dict[LedgerId, _Watched] = {}

    async def run(self) -> int:
        """Take new pages into the rollups, and return how many were taken in.

        Safe to repeat and to run twice at once: whoever writes second writes nothing. A ledger that
        cannot be trusted is alerted and left out; a rollup that cannot is made anew.
        """
        taken = 0
        for ledger in await self._ledgers.ledgers():
            watched = self._watched.setdefault(ledger, _Watched())
            if watched.rest:
                watched.rest -= 1
                continue
            pages = await self._look(ledger, watched)
            watched.still = 0 if pages else watched.still + 1
            watched.rest = min(2**watched.still, MAX_REST) - 1
            taken += pages
        return taken

    async def _look(self, ledger: LedgerId, watched: _Watched) -> int:
        taken = 0
        try:
            stored = await self._ledgers.read_head(ledger)
            pages = stored.head.pages if stored else 0
            if pages != watched.page:
                taken = await self._follow(ledger, watched, pages)
            elif stored and stored.checkpoint < pages:
                # Nothing was committed since the last run: its commits write no checkpoint now.
                await self._ledgers.write_checkpoint(stored.head)
        except HeadMovedError:
            # Somebody else rolls this ledger up: theirs is as good.
            watched.page = 0
        except (LedgerBroken, RollupBroken) as fault:
            watched.page = 0
            self._alerts.alert(str(fault))
        if not taken:
            watched.stored = None
        return taken

    async def _follow(self, ledger: LedgerId, watched: _Watched, pages: int) -> int:
        with suppress(RollupBroken):
            return await self._take_in(ledger, watched, pages)
        # Somebody writes to it, or a replica is behind, or it is damaged: a second look tells.
        watched.stored = None
        try:
            return await self._take_in(ledger, watched, pages)
        except RollupBroken as fault:
            await self._begin_again(ledger, watched, fault)
        return await self._take_in(ledger, watched, pages)

    async def _take_in(self, ledger: LedgerId, watched: _Watched, pages: int) -> int:
        stored = watched.stored
        if stored is None:
            stored = watched.stored = await self._rollups.read_cursor(ledger)
            if stored is not None and stored.cursor.page <= pages:
                await must_belong(self._ledgers, stored.cursor)
        # Beyond the head: it is behind, or somebody put the ledger back. A later look tells.
        cursor, etag = stored or (Cursor(ledger), None)
        before = cursor.page
        while cursor.page < pages and cursor.page - before < MAX_PAGES_A_RUN:
            step = await self._step(cursor)
            if step.cursor.page == cursor.page:
                # The query is behind the head.
                break
            etag = await self._rollups.write_rollup(step, etag)
            cursor = step.cursor
            watched.stored = StoredCursor(cursor, etag)
        watched.page = min(cursor.page, pages)
        return cursor.page - before

    async def _begin_again(self, ledger: LedgerId, watched: _Watched, fault: RollupBroken) -> None:
        with suppress(RollupBroken):
            stored = await self._rollups.read_cursor(ledger)
            if watched.stored and stored and stored.etag != watched.stored.etag:
                raise HeadMovedError(f"ledger {ledger}: somebody else rolls it up") from fault
        self._alerts.alert(f"{fault}: it is made anew")
        etag = await self._rollups.reset_rollup(ledger)
        watched.stored = StoredCursor(Cursor(ledger), etag)

    async def _step(self, cursor: Cursor) -> Step:
        """Return the next step, of as many pages as one batch can hold."""
        limit = MAX_PAGES_A_RUN
        while True:
            intake = await self._intake(cursor, limit)
            parts = [
                part async for part in read_listed(self._rollups, cursor, intake.changes.keys())
            ]
            step = step_of(intake, parts)
            if not step.is_too_large:
                return step
            if intake.pages == 1:
                # Its usage is read from the pages from here on: slower, and as exact.
                reason = f"a day's rollup takes more than {MAX_STEP_BYTES} bytes"
                raise LedgerBroken(str(cursor.ledger), f"{reason}, after page {cursor.page}")
            limit = intake.pages // 2

    async def _intake(self, cursor: Cursor, limit: int) -> Intake:
        intake = Intake(cursor)
        async for page in self._ledgers.pages(cursor.ledger, after=cursor.page):
            intake.add(page)
            # Milliseconds each: whoever ingests in this process takes turns with it.
            await asyncio.sleep(0)
            if intake.is_full or intake.pages >= limit:
                break
        return intake
