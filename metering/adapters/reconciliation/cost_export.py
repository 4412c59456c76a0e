"""Cost Management exports: CSV, plain or gzip, read row by row."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final

from metering.adapters.reconciliation.cost_columns import Columns, columns_of
from metering.adapters.reconciliation.cost_meters import DESCRIBED, Described, described
from metering.core.basics.errors import ConfigurationError
from metering.core.deployments.resource_names import account_in, deployment_in
from metering.core.reconciliation.cost_row import ONE, CostRow, Written, parse_exact

#: Tags and details are the longest columns; Azure limits them to far less.
_MAX_FIELD: Final = 1024 * 1024
_ROWS_A_REPORT: Final = 1_000

_AMERICAN: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_TAGGED: Final = re.compile(r'"deployment"\s*:\s*"([^"]+)"', re.IGNORECASE)
_NOTHING: Final = frozenset({"", "unassigned", "null", "not applicable"})
_CREDITS: Final = frozenset({"refund", "credit"})
_NOT_WRITTEN: Final = Written(0, ONE)

type OnBytes = Callable[[int], None]
"""Receives the number of bytes read so far."""


def cost_rows(
    path: Path, currency: str, on_bytes: OnBytes = lambda _bytes: None
) -> Iterator[CostRow]:
    """Yield the rows of an export, with costs in `currency`.

    Raises ConfigurationError with file and line for a row that cannot be read or whose cost is not
    given in the currency.
    """
    csv.field_size_limit(_MAX_FIELD)
    try:
        with path.open("rb") as raw, _text(path, raw) as lines:
            reader = csv.reader(lines, strict=True)
            header = next(reader, [])
            row = _Row(columns_of(path, header), currency, len(header))
            for number, fields in enumerate(reader):
                if number % _ROWS_A_REPORT == 0:
                    on_bytes(raw.tell())
                if fields:
                    yield row.read(f"{path}: line {reader.line_num}", fields)
            on_bytes(raw.tell())
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from None


def _text(path: Path, raw: BinaryIO) -> io.TextIOWrapper:
    content = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
    return io.TextIOWrapper(content, encoding="utf-8-sig", newline="")


class _Row:
    """Reads the rows under one header."""

    def __init__(self, columns: Columns, currency: str, width: int) -> None:
        self._columns = columns
        self._currency = currency
        self._width = width

    def read(self, where: str, fields: Sequence[str]) -> CostRow:
        """Return a row; raise ConfigurationError with place and reason if it is malformed."""
        try:
            self._must_be_complete(fields)
            return self._read(fields)
        except ValueError as error:
            raise ConfigurationError(f"{where}: {error}") from None

    def _must_be_complete(self, fields: Sequence[str]) -> None:
        """Raise ValueError for a row that ends before a column that every row needs."""
        for what in self._columns.shape.required:
            if min(self._columns.at[what]) >= len(fields):
                raise ValueError(
                    f"{what}: the row has {len(fields)} cells, the header has {self._width}"
                )

    def _read(self, fields: Sequence[str]) -> CostRow:
        get = self._columns.get
        day = _named("day", lambda: _day(get(fields, "day")))
        resource = get(fields, "resource")
        said = Described(
            **{what: _something(get(fields, what)) for what in DESCRIBED}, resource=resource
        )
        sort, meter, block = described(said)
        tagged = _TAGGED.search(get(fields, "tags"))
        return CostRow(
            sort,
            day,
            account_in(resource),
            deployment_in(resource) or (tagged and tagged[1].lower()),
            said.meter or said.product or "(no meter)",
            self._number(fields, "quantity"),
            self._cost(fields) if sort != "other" else self._number(fields, "cost"),
            meter,
            _something(get(fields, "region")).lower().replace(" ", "") or None,
            block,
            counts_blocks=self._columns.shape.counts_blocks,
            is_credit=get(fields, "charge").lower() in _CREDITS,
        )

    def _number(self, fields: Sequence[str], what: str) -> Written:
        text = self._columns.get(fields, what)
        # Credits and corrections may lack a quantity.
        return _named(what, lambda: parse_exact(text)) if text else _NOT_WRITTEN

    def _cost(self, fields: Sequence[str]) -> Written:
        currency = self._columns.get(fields, "currency").upper()
        if currency == self._currency:
            return self._number(fields, "cost")
        places = [place for place in self._columns.in_dollars if place < len(fields)]
        dollars = [fields[place].strip() for place in places]
        if self._currency == "USD" and any(dollars):
            return _named("cost", lambda: parse_exact(next(filter(None, dollars))))
        raise ValueError(
            f"currency: the cost is in {currency or 'no currency'} and not in {self._currency}:"
            " see --currency"
        )


def _named[T](what: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _day(text: str) -> str:
    """Return a day: Azure writes 11/20/2026, 2026-11-20, or 2026-11-20T00:00Z."""
    american = _AMERICAN.fullmatch(text.partition(" ")[0])
    if american is not None:
        month, day, year = map(int, american.groups())
        return date(year, month, day).isoformat()
    return date.fromisoformat(re.split(r"[T ]", text, maxsplit=1)[0]).isoformat()


def _something(text: str) -> str:
    return "" if text.lower() in _NOTHING else text
