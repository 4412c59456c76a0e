"""The FOCUS export: the rows of every statement of one period as one CSV file."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from metering.app.exports.closed_periods import OfClosedPeriods
from metering.app.exports.deliver_exports import (
    Progress,
    ReportFile,
    left_out,
    no_progress,
)
from metering.app.ledger.reading import pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.csv_text import Cell
from metering.core.basics.instants import Instant
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import LedgerId
from metering.core.focus.columns import TABLE, RowCells
from metering.core.focus.rows import focus_rows
from metering.core.focus.usage import Billed, Changed, ListPrices, UsageSums
from metering.core.ledger.chain import START, Position
from metering.ports import LedgerStore, Table

FOCUS: Final = "focus"
#: Entries that are read at a time: some milliseconds, in which the event loop answers nobody.
_ENTRIES: Final = 50
_NOTES: Final = {
    "specification": "FOCUS 1.2, Cost and Usage; docs/focus.md says how each column is filled",
    "totals": "the sum of BilledCost: the totals of the statements",
}


@dataclass(slots=True)
class FocusExport(OfClosedPeriods):
    """Implements Report. Holds the sums of one tenant's period at a time."""

    ledgers: LedgerStore
    tenancy: Tenancy
    issuer: str
    progress: Progress = no_progress
    _last_page: Instant = field(init=False, default=0)
    _since_turn: int = field(init=False, default=0)
    kind: ClassVar[str] = FOCUS

    async def files(self) -> AsyncIterator[ReportFile]:
        """Yield the file."""
        yield ReportFile(f"{FOCUS}-{self.window.file_name}", Table(TABLE, self._rows()))

    def notes(self) -> Mapping[str, str]:
        """Explain the amounts, and name the tenants whose period is not closed."""
        return {**_NOTES, **self.closed.notes(), **left_out(self.closed.one_by_one)}

    async def _rows(self) -> AsyncIterator[Sequence[Cell]]:
        await self.tenancy.refresh()
        prices = ListPrices(self.tenancy.prices)
        one_by_one = self.closed.one_by_one
        async for statement, before, is_provisional in self.closed.closed():
            billed: Billed | None = None
            with one_by_one.about(statement.ledger):
                billed = await self._billed(statement, before, prices)
            if billed is not None:
                made = RowCells(statement, self.issuer, is_provisional=is_provisional)
                for row in focus_rows(billed, prices):
                    yield made.cells(row)
                self._add(statement, self._last_page if is_provisional else None)
        one_by_one.must_have_some()

    async def _billed(
        self, statement: Statement, before: Statement | None, prices: ListPrices
    ) -> Billed:
        own, *late = [
            await self._changed(statement, ledger, since, prices)
            for ledger, since in _positions(statement, before)
        ]
        periods = (self.tenancy.directory.period_of(ledger) for ledger in statement.billed)
        return Billed(statement, own, late, {period.name: period for period in periods})

    async def _changed(
        self, statement: Statement, ledger: LedgerId, since: Position, prices: ListPrices
    ) -> Changed:
        """Sum the pages of a ledger that a statement bills, from the position billed before."""
        through = statement.billed[ledger]
        sums = UsageSums(prices)
        async for page in pages(self.ledgers, ledger, since=since, through=through):
            sums.add(page)
            self._last_page = max(self._last_page, page.committed)
            self.progress(1)
            self._since_turn += 1 + len(page.entries)
            if self._since_turn > _ENTRIES:
                # Let ingestion in this process take its turn.
                self._since_turn = 0
                await asyncio.sleep(0)
        directory = self.tenancy.directory
        period = statement.period if ledger == statement.ledger else directory.period_of(ledger)
        return Changed(ledger, period, directory.plan_for(ledger), sums.counts())


def _positions(statement: Statement, before: Statement | None) -> list[tuple[LedgerId, Position]]:
    """Return the ledgers that a statement bills, each with the position billed before.

    The statement's own ledger comes first.
    """
    earlier: Mapping[LedgerId, Position] = before.billed if before else {}
    late = [
        (ledger, earlier.get(ledger, START))
        for ledger, position in sorted(statement.billed.items())
        if ledger != statement.ledger and position != earlier.get(ledger, START)
    ]
    return [(statement.ledger, START), *late]
