"""The rows of a CSV file, plain or gzip, with every length bounded."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from metering.adapters.reconciliation.file_rows import FileRows, OnBytes
from metering.core.basics.errors import ConfigurationError

#: Tags and details are the longest columns; Azure limits them to far less.
MAX_FIELD: Final = 1024 * 1024
#: A line is read whole: one without an end would be all of the file, which gzip makes a thousand
#: times as large.
MAX_LINE: Final = 4 * MAX_FIELD
_ROWS_A_REPORT: Final = 1_000
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class CsvRows:
    """Opens CSV files."""

    endings = (".csv", ".csv.gz")

    @contextmanager
    def opened(self, path: Path, on_bytes: OnBytes) -> Iterator[FileRows]:
        """Return the rows of a file."""
        try:
            with path.open("rb") as raw:
                if raw.read(2) in _UTF_16:
                    raise ConfigurationError(f"{path}: cannot be read: it is UTF-16, not UTF-8")
                raw.seek(0)
                packed = path.suffix.lower() == ".gz"
                content = gzip.GzipFile(fileobj=raw) if packed else raw
                with io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as text:
                    rows = _rows(path, text, lambda: on_bytes(raw.tell()))
                    _, header = next(rows)
                    yield FileRows(header, rows)
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be read: {error}") from None


def _rows(
    path: Path, text: io.TextIOWrapper, tell: Callable[[], None]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the header, then the other rows that are not empty, each with its place."""
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(_lines(text), strict=True)
    try:
        yield "", next(reader, [])
        for number, fields in enumerate(reader):
            if number % _ROWS_A_REPORT == 0:
                tell()
            if fields:
                yield f"line {reader.line_num}", fields
        tell()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        place = f"near line {reader.line_num}: " if reader.line_num else ""
        raise ConfigurationError(f"{path}: cannot be read: {place}{error}") from None


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise csv.Error(f"a line is longer than {MAX_LINE:,} characters")
        yield line
