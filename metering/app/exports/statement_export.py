"""The statement exports: JSON, CSV and a page to print for every statement, or its PDF.

The PDFs are a report of their own: with them come the invoices and other documents of the period.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from metering.app.exports.closed_periods import OfClosedPeriods
from metering.app.exports.deliver_exports import Progress, ReportFile, no_progress
from metering.core.billing.statement import Statement
from metering.core.billing.statement_csv import statement_csv
from metering.core.billing.statement_json import statement_json
from metering.core.invoices.invoice import Invoice
from metering.ports import Chunk, InvoiceStore

STATEMENT: Final = "statement"
STATEMENT_PDF: Final = "statement-pdf"


@dataclass(slots=True)
class StatementExport(OfClosedPeriods):
    """Implements Report. Holds one statement at a time."""

    page: Callable[[Statement], str]
    """Renders a printable page."""
    progress: Progress = no_progress
    kind: ClassVar[str] = STATEMENT

    async def files(self) -> AsyncIterator[ReportFile]:
        """Yield three files for each statement."""
        async for statement, *_ in self.closed.closed():
            name = _name(statement)
            rows = len(statement.lines) + 1
            content = json.dumps(statement_json(statement), indent=2, ensure_ascii=False)
            yield ReportFile(f"{name}.json", _once(f"{content}\n", 1))
            yield ReportFile(f"{name}.csv", _once(statement_csv(statement), rows))
            yield ReportFile(f"{name}.html", _once(self.page(statement), 1))
            self._add(statement)
            self.progress(1)


class Papers(NamedTuple):
    """Renders statements and documents as PDF."""

    statement: Callable[[Statement], Awaitable[bytes]]
    draft: Callable[[Statement], Awaitable[bytes]]
    invoice: Callable[[Invoice, Statement, Sequence[Invoice]], Awaitable[bytes]]


@dataclass(slots=True)
class StatementPdfExport(OfClosedPeriods):
    """Implements Report. Holds one statement and the documents of its tenant at a time."""

    papers: Papers
    invoices: InvoiceStore
    progress: Progress = no_progress
    kind: ClassVar[str] = STATEMENT_PDF

    async def files(self) -> AsyncIterator[ReportFile]:
        """Yield a file for each statement, and one for each of its documents."""
        async for statement, *_ in self.closed.closed():
            content = await self.papers.statement(statement)
            yield ReportFile(f"{_name(statement)}.pdf", _once(content, 1))
            tenant = statement.ledger.tenant
            documents = [one async for one in self.invoices.invoices(tenant)]
            for one in [own for own in documents if own.ledger == statement.ledger]:
                content = await self.papers.invoice(one, statement, documents)
                yield ReportFile(f"{one.number}.pdf", _once(content, 1))
            self._add(statement)
            self.progress(1)


def _name(statement: Statement) -> str:
    # A period named after its start has colons, which file names must not have.
    return f"statement-{statement.ledger.tenant}-{statement.period.name.replace(':', '')}"


async def _once(content: str | bytes, rows: int) -> AsyncIterator[Chunk]:
    yield Chunk(content.encode() if isinstance(content, str) else content, rows)
