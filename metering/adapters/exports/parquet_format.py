"""Tables as Parquet, written in row groups by pyarrow.

Money is decimal128 with 18 decimals, times are UTC in microseconds. What does not fit is refused by
name: nothing is rounded. Text is as it was named, since no spreadsheet runs it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from metering.core.basics.columns import Column, Kind
from metering.core.basics.csv_text import Cell, Figure
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import AMOUNT_DECIMALS
from metering.core.exports.delivery_manifest import Format
from metering.ports import Chunk, Table

#: A row group is in memory while it is made: some tens of megabytes.
GROUP_ROWS: Final = 10_000
GROUP_TEXT: Final = 8 * 1024 * 1024
#: The most that decimal128 holds.
_PRECISION: Final = 38
_WHOLE_DIGITS: Final = _PRECISION - AMOUNT_DECIMALS
_MAX_COUNT: Final = 2**63
_TYPES: Final = {
    Kind.TEXT: pa.string(),
    Kind.COUNT: pa.int64(),
    Kind.DECIMAL: pa.decimal128(_PRECISION, AMOUNT_DECIMALS),
    Kind.TIME: pa.timestamp("us", "UTC"),
    Kind.DAY: pa.date32(),
}
_MAX_SHOWN: Final = 60


class ParquetFormat:
    """Implements TableFormat."""

    name: Format = "parquet"

    async def chunks(self, file: str, table: Table) -> AsyncIterator[Chunk]:
        """Yield a Parquet file, a row group at a time, and its footer last."""
        sink = _Sink()
        made = _Made(file, table.columns)
        with ParquetWriter(sink, made.schema, compression="snappy") as writer:
            async for rows in _groups(table):
                # Converting a group takes a while: other work in this process takes its turn.
                group = await asyncio.to_thread(made.group, rows)
                await asyncio.to_thread(writer.write_batch, group)
                yield Chunk(sink.taken(), len(rows))
        yield Chunk(sink.taken())


class _Sink:
    """A file that gives away what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, content: Any) -> int:
        self._held.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Do nothing: nothing is behind."""

    def close(self) -> None:
        """Do nothing: what was written is taken afterwards."""

    def taken(self) -> bytes:
        content = b"".join(self._held)
        self._held.clear()
        return content


async def _groups(table: Table) -> AsyncIterator[list[Sequence[Cell]]]:
    rows: list[Sequence[Cell]] = []
    text = 0
    async for row in table.rows:
        rows.append(row)
        text += sum(len(cell) for cell in row if isinstance(cell, str))
        if len(rows) == GROUP_ROWS or text >= GROUP_TEXT:
            yield rows
            rows, text = [], 0
    if rows:
        yield rows


class _Made:
    """The row groups of one file."""

    def __init__(self, file: str, columns: Sequence[Column]) -> None:
        self._file = file
        self._columns = columns
        self._rows = 0
        self.schema = pa.schema([(column.name, _TYPES[column.kind]) for column in columns])

    def group(self, rows: Sequence[Sequence[Cell]]) -> Any:
        """Return rows as a batch. ConfigurationError for a value that does not fit."""
        arrays = [
            pa.array(self._values(column, [row[place] for row in rows]), type=field.type)
            for place, (column, field) in enumerate(zip(self._columns, self.schema, strict=True))
        ]
        self._rows += len(rows)
        return pa.record_batch(arrays, schema=self.schema)

    def _values(self, column: Column, cells: Sequence[Cell]) -> Iterator[object]:
        for number, cell in enumerate(cells, self._rows + 1):
            try:
                yield None if cell is None else _value(column.kind, cell)
            except ValueError as error:
                raise ConfigurationError(
                    f"{self._file}: row {number}, column {column.name}: {error}: deliver it as CSV"
                ) from None


def _value(kind: Kind, cell: str | int | Figure) -> object:
    if kind is Kind.DECIMAL:
        return _decimal(cell.text if isinstance(cell, Figure) else str(cell))
    if kind is Kind.COUNT:
        count = int(cell.text) if isinstance(cell, Figure) else int(cell)
        if not -_MAX_COUNT <= count < _MAX_COUNT:
            raise ValueError(f"{_shown(str(count))} is beyond 64 bits")
        return count
    text = cell.text if isinstance(cell, Figure) else str(cell)
    if kind is Kind.TIME:
        return parse_instant(text)
    return date.fromisoformat(text) if kind is Kind.DAY else text


def _decimal(text: str) -> Decimal:
    whole, _, fraction = text.removeprefix("-").partition(".")
    if len(whole) > _WHOLE_DIGITS or len(fraction.rstrip("0")) > AMOUNT_DECIMALS:
        raise ValueError(
            f"{_shown(text)} does not fit into decimal({_PRECISION}, {AMOUNT_DECIMALS})"
        )
    return Decimal(text)


def _shown(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
