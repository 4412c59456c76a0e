"""What the tests of exports share: a report of given files, and a folder looked into."""

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from metering.app.exports.csv_format import CSV
from metering.app.exports.deliver_exports import Report, ReportFile
from metering.app.ingest.ingest import Message
from metering.core.basics.columns import Column, Kind
from metering.core.basics.csv_text import Cell
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.exports.delivery_manifest import Window
from metering.ports import Chunk, Table
from tests.builders import body

type System = Any
type Rows = list[tuple[Cell, ...]]


class GivenReport:
    """A report of files that are given: CSV of rows, text as it is; an error where one is given."""

    def __init__(
        self, files: Mapping[str, Rows | bytes | Exception], *, kind: str = "given"
    ) -> None:
        self._files = files
        self._rows = 0
        self.kind = kind
        self.window = Window("2026-11")
        self.tenant: str | None = None

    async def files(self) -> AsyncIterator[ReportFile]:
        for name, content in self._files.items():
            if isinstance(content, list):
                columns = Column("text"), Column("number", Kind.COUNT)
                table = Table(columns, self._counted(content))
                yield ReportFile(name.removesuffix(".csv"), table)
            else:
                yield ReportFile(name, _text(content))

    async def _counted(self, rows: Rows) -> AsyncIterator[tuple[Cell, ...]]:
        for row in rows:
            self._rows += 1
            yield row

    def totals(self) -> Mapping[str, Amount]:
        return {"USD": self._rows * 10**18}

    def as_of(self) -> Instant | None:
        return None

    def notes(self) -> Mapping[str, str]:
        return {}


async def _text(content: bytes | Exception) -> AsyncIterator[Chunk]:
    if isinstance(content, Exception):
        yield Chunk(b"half of it")
        raise content
    yield Chunk(content)


def given(kind: str = "given", **files: Rows | bytes | Exception) -> Report:
    """Return a report; `a_csv` is the file `a.csv`."""
    return GivenReport({name.replace("_", "."): what for name, what in files.items()}, kind=kind)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its name there, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def content_of(file: ReportFile) -> AsyncIterable[Chunk]:
    """Return the content of a file, a table as CSV."""
    content = file.content
    return CSV.chunks(file.name, content) if isinstance(content, Table) else content


def table(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


async def use(system: System, name: str, **changes: Any) -> None:
    """Let a tenant make one call of 1,000 and 100 tokens: 0.0035."""
    sent = body(id=name, **changes)
    assert (await system.ingest.batch([Message(sent, "0", 0)])).accepted == 1
