"""Cost Management exports: a file or a folder of parts, CSV, gzip or Parquet, read row by row."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from metering.adapters.reconciliation.cost_columns import Columns, columns_of
from metering.adapters.reconciliation.cost_meters import DESCRIBED, Described, described
from metering.adapters.reconciliation.cost_parts import CostPart, parts_of
from metering.adapters.reconciliation.csv_rows import CsvRows
from metering.adapters.reconciliation.file_rows import OnBytes, OpenedRows
from metering.adapters.reconciliation.parquet_rows import ParquetRows
from metering.core.basics.errors import ConfigurationError
from metering.core.deployments.resource_names import account_in, deployment_in
from metering.core.reconciliation.cost_row import ONE, CostRow, Written, parse_exact

_CSV: Final = CsvRows()
_PARQUET: Final = ParquetRows()
_ENDINGS: Final = (*_CSV.endings, *_PARQUET.endings)

_AMERICAN: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_TAGGED: Final = re.compile(r'"deployment"\s*:\s*"([^"]+)"', re.IGNORECASE)
_NOTHING: Final = frozenset({"", "unassigned", "null", "not applicable"})
_CREDITS: Final = frozenset({"refund", "credit"})
_NOT_WRITTEN: Final = Written(0, ONE)


class CostExport:
    """An export on disk; nothing but the names of its files is read before its rows."""

    def __init__(self, path: Path) -> None:
        """Find the files. Raises ConfigurationError if parts are missing or cannot be told."""
        self._parts = parts_of(path, _ENDINGS)
        self._columns: tuple[Path, frozenset[str]] | None = None
        self._contents: dict[bytes, Path] = {}

    @property
    def files(self) -> list[Path]:
        """The files in the order in which they are read."""
        return [part.path for part in self._parts]

    def rows(self, currency: str, on_bytes: OnBytes = lambda _bytes: None) -> Iterator[CostRow]:
        """Yield the rows of all files, with costs in `currency`; `on_bytes` counts all files.

        Raises ConfigurationError with file and place for a row that cannot be read or whose cost is
        not given in the currency, for a file of other columns than the first, for one that has
        other rows than its manifest says, and for one that repeats another.
        """
        before = 0
        for part in self._parts:
            yield from self._part(part, currency, partial(_further, on_bytes, before))
            before += part.path.stat().st_size

    def _part(self, part: CostPart, currency: str, on_bytes: OnBytes) -> Iterator[CostRow]:
        path, number, content = part.path, 0, hashlib.sha256()
        with _format_of(path).opened(path, on_bytes) as (header, rows):
            self._must_be_alike(path, header)
            row = _Row(columns_of(path, header), currency, len(header))
            for number, (where, fields) in enumerate(rows, 1):  # noqa: B007, counted
                content.update("\x1f".join(fields).encode(errors="replace") + b"\x1e")
                yield row.read(f"{path}: {where}", fields)
        if part.rows not in {None, number}:
            raise ConfigurationError(
                f"{path}: has {number:,} rows, and its manifest says {part.rows:,}: download it"
                " again"
            )
        twin = self._contents.setdefault(content.digest(), path) if number else path
        if twin != path:
            raise ConfigurationError(f"{path}: has the rows of {twin}: remove one of them")

    def _must_be_alike(self, path: Path, header: Sequence[str]) -> None:
        """Raise ConfigurationError for no columns, and for others than those of the first file."""
        if not any(header):
            raise ConfigurationError(
                f"{path}: is empty: it has no columns, and a part without rows has them"
            )
        names = frozenset(name.strip().lower() for name in header)
        first, known = self._columns = self._columns or (path, names)
        if names == known:
            return
        only = sorted(names ^ known)
        has, lacks = (path, first) if only[0] in names else (first, path)
        raise ConfigurationError(
            f"{path}: has other columns than {first}: {only[0]!r} is in {has} and not in {lacks}"
        )


def cost_rows(
    path: Path, currency: str, on_bytes: OnBytes = lambda _bytes: None
) -> Iterator[CostRow]:
    """Yield the rows of an export, a file or a folder: see CostExport."""
    yield from CostExport(path).rows(currency, on_bytes)


def _further(on_bytes: OnBytes, before: int, read: int) -> None:
    on_bytes(before + read)


def _format_of(path: Path) -> OpenedRows:
    return _PARQUET if path.name.lower().endswith(_PARQUET.endings) else _CSV


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
            category=said.category,
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
