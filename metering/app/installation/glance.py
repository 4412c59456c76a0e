"""The status of an installation at a glance: the answers of `metering status`, never by a scan."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from metering.app.installation.status import Seen, Status
from metering.app.ledger.renewed import Renewed
from metering.app.reports.tenant_board import TenantBoard
from metering.core.installation.status import Answer
from metering.core.reports.board import Standing

#: How long answers are kept, for all who watch.
MEMORY_S: Final = 15.0
#: How long the number of overdue periods is kept: it costs the last statement of every tenant.
OVERDUE_MEMORY_S: Final = 600.0
_OVERDUE_LONGEST_S: Final = 3_600.0


@dataclass(slots=True, kw_only=True)
class Glance:
    """The use case behind `/api/status`.

    Commits, prices and faults are those of the board of tenants. Overdue periods are counted in the
    background; until the first count they are not known.
    """

    status: Status
    board: TenantBoard
    elapsed_s: Callable[[], float]
    _answers: Renewed[list[Answer]] = field(init=False)
    _overdue: Renewed[int] = field(init=False)

    def __post_init__(self) -> None:
        """Keep the answers."""
        self._answers = Renewed(
            read=self._read, memory_s=lambda: MEMORY_S, elapsed_s=self.elapsed_s
        )
        self._overdue = Renewed(
            read=self.status.overdue,
            memory_s=lambda: OVERDUE_MEMORY_S,
            elapsed_s=self.elapsed_s,
            longest_s=_OVERDUE_LONGEST_S,
        )

    async def run(self) -> list[Answer]:
        """Answer every question, in order."""
        return await self._answers.known()

    async def _read(self) -> list[Answer]:
        totals = (await self.board.totals()).totals
        broken = totals.standings[Standing.UNREADABLE]
        seen = Seen(totals.last_commit or None, totals.unpriced, broken)
        return await self.status.answers(seen, await self._overdue.if_known())

    async def close(self) -> None:
        """Cancel what is being read."""
        await self._answers.close()
        await self._overdue.close()
