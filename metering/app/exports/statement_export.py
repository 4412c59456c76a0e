"""The statement export: JSON, CSV and a page to print for every statement of one period."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from metering.app.exports.closed_periods import ClosedPeriods
from metering.app.exports.deliver_exports import Chunk, Progress, ReportFile, no_progress
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.billing.statement import Statement
from metering.core.billing.statement_csv import statement_csv
from metering.core.billing.statement_json import statement_json
from metering.core.exports.delivery_manifest import Window

STATEMENT: Final = "statement"


@dataclass(slots=True)
class StatementExport:
    """Implements Report. Holds one statement at a time."""

    closed: ClosedPeriods
    page: Callable[[Statement], str]
    """Renders a printable page."""
    progress: Progress = no_progress
    kind: ClassVar[str] = STATEMENT
    _totals: Counter[str] = field(init=False, default_factory=Counter)
    _as_of: Instant | None = field(init=False, default=None)

    @property
    def window(self) -> Window:
        """The window of the periods."""
        return self.closed.window

    @property
    def tenant(self) -> str | None:
        """The tenant; None for all tenants."""
        return self.closed.tenant

    async def files(self) -> AsyncIterator[ReportFile]:
        """Yield three files for each statement."""
        async for statement, _ in self.closed.closed():
            # A period named after its start has colons, which file names must not have.
            period = statement.period.name.replace(":", "")
            name = f"statement-{statement.ledger.tenant}-{period}"
            rows = len(statement.lines) + 1
            content = json.dumps(statement_json(statement), indent=2, ensure_ascii=False)
            yield ReportFile(f"{name}.json", _once(f"{content}\n", 1))
            yield ReportFile(f"{name}.csv", _once(statement_csv(statement), rows))
            yield ReportFile(f"{name}.html", _once(self.page(statement), 1))
            self._totals[statement.currency] += statement.total
            self._as_of = max(statement.closed, self._as_of or 0)
            self.progress(1)

    def totals(self) -> Mapping[str, Amount]:
        """Return the sum of the amounts owed, by currency."""
        return self._totals

    def as_of(self) -> Instant | None:
        """Return the time at which the last of the statements was closed."""
        return self._as_of

    def notes(self) -> Mapping[str, str]:
        """Name the tenants whose period is not closed."""
        return self.closed.notes()


async def _once(text: str, rows: int) -> AsyncIterator[Chunk]:
    yield Chunk(text.encode(), rows)
