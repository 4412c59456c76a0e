"""The statement export: JSON, CSV and a page to print for every statement of one period."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from metering.app.exports.closed_periods import OfClosedPeriods
from metering.app.exports.deliver_exports import Progress, ReportFile, no_progress
from metering.core.billing.statement import Statement
from metering.core.billing.statement_csv import statement_csv
from metering.core.billing.statement_json import statement_json
from metering.ports import Chunk

STATEMENT: Final = "statement"


@dataclass(slots=True)
class StatementExport(OfClosedPeriods):
    """Implements Report. Holds one statement at a time."""

    page: Callable[[Statement], str]
    """Renders a printable page."""
    progress: Progress = no_progress
    kind: ClassVar[str] = STATEMENT

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
            self._add(statement)
            self.progress(1)


async def _once(text: str, rows: int) -> AsyncIterator[Chunk]:
    yield Chunk(text.encode(), rows)
