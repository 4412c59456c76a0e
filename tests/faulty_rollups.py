"""A store's rollups, where something may go wrong around a write or come between two reads."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection

from metering.core.calendars.periods import LedgerId
from metering.core.reports.rollup import Part, PartName
from metering.core.reports.rollup_document import Step
from metering.ports import RollupStore, StoredCursor


class FaultyRollups:
    """What a test puts into a list happens once, at the next call of that kind."""

    def __init__(self, rollups: RollupStore) -> None:
        self._rollups = rollups
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self.between: list[Callable[[], Awaitable[object]]] = []
        self.cursors_read = self.resets = 0
        self.written: list[Step] = []

    async def read_cursor(self, ledger: LedgerId) -> StoredCursor | None:
        self.cursors_read += 1
        return await self._rollups.read_cursor(ledger)

    async def parts(self, ledger: LedgerId, names: Collection[PartName]) -> AsyncIterator[Part]:
        if self.between:
            await self.between.pop(0)()
        async for part in self._rollups.parts(ledger, names):
            yield part

    async def write_rollup(self, step: Step, etag: str | None) -> str:
        if self.before:
            self.before.pop(0)()
        new = await self._rollups.write_rollup(step, etag)
        self.written.append(step)
        if self.after:
            self.after.pop(0)()
        return new

    async def reset_rollup(self, ledger: LedgerId) -> str:
        self.resets += 1
        return await self._rollups.reset_rollup(ledger)
