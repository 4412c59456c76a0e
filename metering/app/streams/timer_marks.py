"""The progress of timers through the register, and their counts so far."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from metering.core.basics.instants import DAY
from metering.core.calendars.periods import day_at
from metering.core.streams.filing import Filed, Kind, due_before
from metering.ports import Clock, RegisterStore

#: Documents of one round: what they make is kept before the next.
TOGETHER: Final = 50
#: Rounds in one run of a timer; the next run continues.
MAX_ROUNDS: Final = 200
#: Days whose numbers are kept: a week, and the day that is not over.
_DAYS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerMarks:
    """The documents that timers come back to, each once, and numbers by day."""

    store: RegisterStore
    clock: Clock

    async def rounds(self, kind: Kind) -> AsyncIterator[list[Filed]]:
        """Yield the documents of a kind that are due, some at a time.

        Those of a round are done with when the next one is asked for: a run that ends in between
        begins with them again.
        """
        for _ in range(MAX_ROUNDS):
            now = due_before(kind, self.clock.now() + 1)
            filed = await self.store.due(await self.reached(kind), now, TOGETHER)
            if not filed:
                return
            yield filed
            await self.store.write_mark(kind, {**await self._mark(kind), "after": filed[-1].due})

    async def add(self, kind: Kind, number: int) -> None:
        """Add to the number of this day."""
        if number:
            now = self.clock.now()
            mark = await self._mark(kind)
            first = day_at(now - (_DAYS - 1) * DAY)
            days = {day: count for day, count in _days(mark).items() if day >= first}
            days[day_at(now)] = days.get(day_at(now), 0) + number
            await self.store.write_mark(kind, {**mark, "days": days})

    async def sum_of_week(self, kind: Kind) -> int:
        """Return the sum of the last week's numbers."""
        first = day_at(self.clock.now() - (_DAYS - 1) * DAY)
        return sum(count for day, count in _days(await self._mark(kind)).items() if day >= first)

    async def reached(self, kind: Kind) -> str:
        """Return up to where the documents of a kind are done with."""
        return str((await self._mark(kind)).get("after", due_before(kind, 0)))

    async def _mark(self, kind: Kind) -> Mapping[str, object]:
        return await self.store.read_mark(kind) or {}


def _days(mark: Mapping[str, object]) -> dict[str, int]:
    days = mark.get("days")
    return dict(days) if isinstance(days, dict) else {}
