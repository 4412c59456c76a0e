"""Roll up ledgers: add new pages to the usage by day and dimension."""

from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import pages, stored_head
from metering.app.reports.rollup_reading import must_belong, read_listed
from metering.core.basics.errors import HeadMovedError, MeteringError, RollupBroken
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import Position
from metering.core.ledger.head import Head
from metering.core.prices.rating import OTHER_NAMES
from metering.core.reports.rollup import Cursor, Intake
from metering.core.reports.rollup_document import Step, step_of
from metering.ports import Alerts, Executor, LedgerStore, RollupStore, StoredCursor

#: Pages of one ledger added by one run of the timer; the next run continues.
MAX_PAGES_A_RUN: Final = 2_000
#: Most runs for which a ledger without new pages is skipped: an hour. Readers are never out of date
#: because of it, since they read the pages beyond the rollup.
MAX_REST: Final = 60


@dataclass(slots=True)
class _Watched:
    """The state of one ledger's rollup, as cached by a process."""

    page: int = 0
    """The last page that is known to be rolled up."""
    stored: StoredCursor | None = None
    """The cursor, kept while every run finds new pages; it lists all parts, so it is large."""
    still: int = 0
    """Checks in a row without new pages."""
    rest: int = 0
    """Runs until the next check."""


@dataclass(slots=True)
class RollUp:
    """The use case behind the timer `roll_up`."""

    ledgers: LedgerStore
    rollups: RollupStore
    alerts: Alerts
    executor: Executor
    _watched: dict[LedgerId, _Watched] = field(init=False, default_factory=dict)
    _told: set[LedgerId] = field(init=False, default_factory=set)
    """Ledgers whose names this process has reported as too many."""

    async def run(self) -> int:
        """Add new pages to the rollups, and return the number of pages added.

        Safe to repeat and to run twice at once: the second writer writes nothing. A ledger that
        cannot be trusted raises an alert and is skipped; a damaged rollup is rebuilt.
        """
        taken = 0
        one_by_one = OneByOne(self.alerts)
        for ledger in await self.ledgers.ledgers():
            watched = self._watched.setdefault(ledger, _Watched())
            if watched.rest:
                watched.rest -= 1
                continue
            added: int | None = None
            with one_by_one.about(ledger):
                added = await self._look(ledger, watched)
            if added is None and str(ledger) not in one_by_one.left_out:
                # Nobody knows what was wrong, so the next run looks again.
                continue
            added = added or 0
            watched.still = 0 if added else watched.still + 1
            watched.rest = min(2**watched.still, MAX_REST) - 1
            taken += added
        one_by_one.settle()
        return taken

    async def _look(self, ledger: LedgerId, watched: _Watched) -> int:
        taken = 0
        try:
            stored = await stored_head(self.ledgers, ledger)
            head = stored.head if stored else Head(ledger)
            if head.pages != watched.page:
                taken = await self._follow(watched, head)
            elif stored and stored.checkpoint < head.pages:
                # Nothing was committed since the last run, so no commit will write one soon.
                await self.ledgers.write_checkpoint(head)
        except HeadMovedError:
            # Another process rolls this ledger up: its result is as good.
            watched.page = 0
        except MeteringError:
            # Whatever it is, the next look begins anew.
            watched.page, watched.stored = 0, None
            raise
        if not taken:
            watched.stored = None
        return taken

    async def _follow(self, watched: _Watched, head: Head) -> int:
        with suppress(RollupBroken):
            return await self._take_in(watched, head)
        # Another process writes to it, a replica lags, or it is damaged: a second read decides.
        watched.stored = None
        try:
            return await self._take_in(watched, head)
        except RollupBroken as fault:
            await self._begin_again(head.ledger, watched, fault)
        return await self._take_in(watched, head)

    async def _take_in(self, watched: _Watched, head: Head) -> int:
        stored = watched.stored
        if stored is None:
            stored = watched.stored = await self.rollups.read_cursor(head.ledger)
            if stored is not None and stored.cursor.page <= head.pages:
                await must_belong(self.ledgers, stored.cursor)
        # A cursor beyond the head: the head lags, or the ledger was restored. A later run decides.
        cursor, etag = stored or (Cursor(head.ledger), None)
        before = cursor.page
        while cursor.page < head.pages and cursor.page - before < MAX_PAGES_A_RUN:
            step = await self._step(cursor, head.position)
            etag = await self.rollups.write_rollup(step, etag)
            self._tell_of_names(step)
            cursor = step.cursor
            watched.stored = StoredCursor(cursor, etag)
        watched.page = min(cursor.page, head.pages)
        return cursor.page - before

    async def _begin_again(self, ledger: LedgerId, watched: _Watched, fault: RollupBroken) -> None:
        with suppress(RollupBroken):
            stored = await self.rollups.read_cursor(ledger)
            if watched.stored and stored and stored.etag != watched.stored.etag:
                raise HeadMovedError(f"ledger {ledger}: another process rolls it up") from fault
        self.alerts.alert(f"{fault}; the rollup is rebuilt", "rollup")
        etag = await self.rollups.reset_rollup(ledger)
        watched.stored = StoredCursor(Cursor(ledger), etag)

    def _tell_of_names(self, step: Step) -> None:
        """Report a ledger with too many names for its rollup, once for each process."""
        ledger = step.cursor.ledger
        if step.crowded and ledger not in self._told:
            self._told.add(ledger)
            self.alerts.alert(
                f"ledger {ledger}: more names of users, use cases and others on"
                f" {step.crowded[0].day} than its rollup has room for: those with the fewest"
                f" requests are counted as {OTHER_NAMES!r}; pages have all names",
                "rollup",
            )

    async def _step(self, cursor: Cursor, through: Position) -> Step:
        """Return the next step, with as many pages as one batch can hold."""
        limit = MAX_PAGES_A_RUN
        while True:
            intake = await self._intake(cursor, through, limit)
            parts = [
                part async for part in read_listed(self.rollups, cursor, intake.changes.keys())
            ]
            step = await self.executor.run(partial(step_of, intake, parts))
            # The changes of one page always fit.
            if not step.is_too_large or intake.pages == 1:
                return step
            limit = intake.pages // 2

    async def _intake(self, cursor: Cursor, through: Position, limit: int) -> Intake:
        intake = Intake(cursor)
        found = pages(self.ledgers, cursor.ledger, since=cursor.position, through=through)
        async with aclosing(found):
            async for page in found:
                # A page takes milliseconds, in which ingestion and admission would wait.
                await self.executor.run(partial(intake.add, page))
                if intake.is_full or intake.pages >= limit:
                    break
        return intake
