"""Tables as CSV."""

from collections.abc import AsyncIterator
from typing import Final

from metering.core.basics.csv_text import csv_line
from metering.core.exports.delivery_manifest import Format
from metering.ports import Chunk, Table

#: Lines joined into one chunk, to save calls to the store.
_LINES: Final = 1_000


class CsvFormat:
    """Implements TableFormat: every value is its text, exactly."""

    name: Format = "csv"

    async def chunks(self, file: str, table: Table) -> AsyncIterator[Chunk]:  # noqa: ARG002
        """Yield a CSV file of rows; it has a header even without rows."""
        yield Chunk(csv_line(column.name for column in table.columns).encode())
        lines: list[str] = []
        async for row in table.rows:
            lines.append(csv_line(row))
            if len(lines) == _LINES:
                yield Chunk("".join(lines).encode(), len(lines))
                lines.clear()
        if lines:
            yield Chunk("".join(lines).encode(), len(lines))


CSV: Final = CsvFormat()
