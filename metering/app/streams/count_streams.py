"""Count the streams and log rows that wait for each other."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.ledger.reading import recent_heads
from metering.app.streams.timer_marks import TimerMarks
from metering.core.basics.instants import DAY
from metering.core.streams.filing import due_before
from metering.core.streams.log_rows import LlmRow
from metering.core.streams.sheets import rows_of
from metering.ports import Clock, LedgerStore, RegisterStore

#: Most documents of log rows that are read; more make no difference to an operator.
_MOST: Final = 1_000


class StreamCounts(NamedTuple):
    """Numbers of requests."""

    waiting: int
    """Streams that wait for their counts: the open holds of ledgers."""
    missing: int
    """Streams recorded as missing in the last week."""
    unclaimed: int
    """Requests in logs that nobody reported, and that were not recovered, in the last week."""
    recovering: int
    """Requests in logs that nobody has reported so far; a timer comes back to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountStreams:
    """The use case behind `metering pending`."""

    ledgers: LedgerStore
    register: RegisterStore
    marks: TimerMarks
    clock: Clock

    async def run(self) -> StreamCounts:
        """Return the numbers; they may lag."""
        return StreamCounts(
            await self._waiting(),
            await self.marks.sum_of_week("stream"),
            await self.marks.sum_of_week("waiting"),
            await self._recovering(),
        )

    async def _waiting(self) -> int:
        count = 0
        async for head in recent_heads(self.ledgers, self.clock.now()):
            if head is not None:
                count += sum(held.requests for held in head.holds.values())
        return count

    async def _recovering(self) -> int:
        after = await self.marks.reached("waiting")
        filed = await self.register.due(after, due_before("waiting", self.clock.now() + DAY), _MOST)
        rows = (row for one in filed for row in rows_of(one))
        return len({row.request_id for row in rows if isinstance(row, LlmRow)})
