"""The statement export: JSON, CSV and a page to print for every statement of one period."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from metering.app.exports.closed_periods import ClosedPeriods
from metering.app.exports.deliver_exports import Chunk, Progress, ReportFile, untold
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.billing.statement import Statement
from metering.core.billing.statement_csv import statement_csv
from metering.core.billing.statement_json import statement_json

STATEMENT: Final = "statement"


class StatementExport:
    """Implements Report. Holds one statement at a time."""

    kind = STATEMENT

    def __init__(
        self,
        closed: ClosedPeriods,
        page: Callable[[Statement], str],
        progress: Progress = untold,
    ) -> None:
        """Take what makes a page to print as `page`."""
        self.window = closed.window
        self.tenant = closed.tenant
        self._closed = closed
        self._page = page
        self._progress = progress
        self._totals: Counter[str] = Counter()
        self._as_of: Instant | None = None

    async def files(self) -> AsyncIterator[ReportFile]:
        """Yield three files a statement."""
        async for statement, _ in self._closed.closed():
            # A period that is named after its start has colons, which no file's name may have.
            period = statement.period.name.replace(":", "")
            name = f"statement-{statement.ledger.tenant}-{period}"
            rows = len(statement.lines) + 1
            content = json.dumps(statement_json(statement), indent=2, ensure_ascii=False)
            yield ReportFile(f"{name}.json", _once(f"{content}\n", 1))
            yield ReportFile(f"{name}.csv", _once(statement_csv(statement), rows))
            yield ReportFile(f"{name}.html", _once(self._page(statement), 1))
            self._totals[statement.currency] += statement.total
            self._as_of = max(statement.closed, self._as_of or 0)
            self._progress(1)

    def totals(self) -> Mapping[str, Amount]:
        """Return the sum of what is owed, by currency."""
        return self._totals

    def as_of(self) -> Instant | None:
        """Return when the last of the statements was closed."""
        return self._as_of

    def notes(self) -> Mapping[str, str]:
        """Say whose period is not closed."""
        return self._closed.notes()


async def _once(text: str, rows: int) -> AsyncIterator[Chunk]:
    yield Chunk(text.encode(), rows)
