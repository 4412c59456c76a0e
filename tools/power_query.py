"""Writes docs/power-bi: a query in M for each export, with its columns' types, and a workbook.

With --check nothing is written, and the exit status is 1 if a query would differ.
"""

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from metering.core.basics.columns import Column, Kind
from metering.core.exports.chargeback_columns import COSTS, FIGURES, KEYS
from metering.core.focus.columns import TABLE
from tools.lock_requirements import ROOT

FOLDER: Final = ROOT / "docs" / "power-bi"
WORKBOOK: Final = FOLDER / "chargeback.xlsx"

#: The first column of a row, by `--by`, after the day that scheduled deliveries by day have.
_NAMED: Final = (
    Column("day", Kind.DAY),
    *(Column(name) for name in ("product", "tenant", "use_case")),
)
CHARGEBACK: Final = (*_NAMED, *KEYS, *(column for column, _ in (*FIGURES, *COSTS)))
EXPORTS: Final = {
    "chargeback.pq": ("chargeback/all", CHARGEBACK),
    "focus.pq": ("focus/all", TABLE),
}

_TYPES: Final = {
    Kind.TEXT: "type text",
    Kind.COUNT: "Int64.Type",
    Kind.DECIMAL: "type number",
    Kind.TIME: "type datetimezone",
    Kind.DAY: "type date",
}
_QUERY: Final = """\
// Every delivery below one folder of exports, CSV or Parquet, as one table.
// Written by `make power-bi` from the columns of the export; docs/guides/power-bi-and-excel.md.
let
    // Change this line. In Azure it is
    // AzureStorage.DataLake("https://ACCOUNT.dfs.core.windows.net/CONTAINER/%(place)s")
    Files = Folder.Files("C:\\metering\\exports\\%(windows)s"),

    // Deliveries that overlap count twice. Keep those of one length, such as months (2026-11Z):
    // each Text.Length(_) = 8
    IsWanted = each true,

    Types = {
%(types)s
    },

    // A delivery without a manifest is incomplete, and its files are not read.
    Manifests = Table.SelectRows(Files, each [Name] = "manifest.json"),

    Slashed = (path as text) as text => Text.Replace(path, "\\", "/"),

    Unpacked = (content as binary, name as text) as binary =>
        if Text.EndsWith(name, ".gz") then
            Binary.Decompress(content, Compression.GZip)
        else
            content,

    Contents = (content as binary, name as text) as table =>
        if Text.EndsWith(name, ".parquet") then
            Parquet.Document(content)
        else
            Table.PromoteHeaders(
                Csv.Document(
                    Unpacked(content, name),
                    [Delimiter = ",", Encoding = TextEncoding.Utf8, QuoteStyle = QuoteStyle.Csv]
                ),
                [PromoteAllScalars = false]
            ),

    Typed = (rows as table) as table =>
        Table.TransformColumnTypes(
            Table.ReplaceValue(rows, "", null, Replacer.ReplaceValue, Table.ColumnNames(rows)),
            List.Select(Types, each Table.HasColumns(rows, _{0})),
            "en-US"
        ),

    NameOf = (folder as text) as text =>
        List.Last(List.Select(Text.Split(Slashed(folder), "/"), each _ <> "")),

    Delivery = (folder as text, manifest as record) as table =>
        let
            // Names of a provisional delivery begin with the folder of its generation.
            Paths = List.Transform(manifest[files], each Slashed(folder) & [name]),
            Listed = Table.SelectRows(
                Files,
                each List.Contains(Paths, Slashed([Folder Path] & [Name]))
            ),
            Rows = Table.Combine(
                List.Transform(Table.ToRecords(Listed), each Typed(Contents([Content], [Name])))
            ),
            Named = Table.AddColumn(Rows, "delivery", each NameOf(folder), type text)
        in
            Table.AddColumn(Named, "provisional", each manifest[provisional], type logical),

    Wanted = Table.SelectRows(Manifests, each IsWanted(NameOf([Folder Path]))),
    Deliveries = List.Transform(
        Table.ToRecords(Wanted),
        each Delivery([Folder Path], Json.Document([Content]))
    )
in
    Table.Combine(Deliveries)
"""

_STEPS: Final = (
    "Chargeback in Excel",
    "",
    "1. Data, Get Data, From Other Sources, Blank Query. In the editor: Home, Advanced Editor.",
    "2. Replace what is there with the text in cell A12; change the line that begins with Files.",
    "3. Name the query Chargeback. Home, Close & Load To, Table, New worksheet.",
    "4. The sheet Totals now has the sums of one currency: enter it in cell B1.",
    "5. For any other view: click into the table, Insert, PivotTable.",
    "6. To read new deliveries: Data, Refresh All.",
    "",
    "Excel computes with 15 digits. The exact sums are in `totals` of each manifest.",
)
_QUERY_CELL: Final = "A12"
#: Excel takes no longer text in a cell.
_MAX_CELL: Final = 32_767
TOTALS: Final = (
    "calls",
    "total_tokens",
    "amount",
    "cost",
    "margin",
    "unpriced_calls",
    "missing_calls",
    "uncosted_calls",
)


def query(name: str) -> str:
    """Return the query of an export."""
    place, columns = EXPORTS[name]
    types = ",\n".join(f'        {{"{one.name}", {_TYPES[one.kind]}}}' for one in columns)
    return _QUERY % {"place": place, "windows": place.replace("/", "\\"), "types": types}


def total_formula(column: str) -> str:
    """Return the formula that sums a column in one currency, once the query is loaded.

    INDIRECT, since the table Chargeback is not there before: a direct reference would be refused.
    """
    summed, currency = (f'INDIRECT("Chargeback[{one}]")' for one in (column, "currency"))
    return f'=IFERROR(SUMIFS({summed},{currency},$B$1),"load the query first")'


def workbook() -> Workbook:
    """Return the workbook: its steps with the query, and the totals."""
    made = Workbook()
    made.properties.creator = "metering"
    # The same each time, so that only a change of content changes the file.
    made.properties.created = made.properties.modified = datetime(2026, 12, 1, tzinfo=UTC).replace(
        tzinfo=None
    )
    steps = made.worksheets[0]
    steps.title = "Steps"
    _lines(steps, _STEPS)
    text = query("chargeback.pq")
    assert len(text) <= _MAX_CELL
    steps[_QUERY_CELL] = text
    steps[_QUERY_CELL].alignment = Alignment(wrap_text=True, vertical="top")
    totals = made.create_sheet("Totals")
    totals.append(("currency", "USD"))
    for column in TOTALS:
        totals.append((column, total_formula(column)))
    totals.column_dimensions["A"].width = 24
    totals.column_dimensions["B"].width = 24
    return made


def _lines(sheet: Worksheet, lines: Iterable[str]) -> None:
    sheet.column_dimensions["A"].width = 110
    for line in lines:
        sheet.append((line,))
    sheet["A1"].font = Font(bold=True, size=14)


def main() -> int:
    """Write the queries and the workbook, or say whether the queries are current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for name in EXPORTS:
        file = FOLDER / name
        if check and file.read_text(encoding="utf-8") != query(name):
            print(f"docs/power-bi/{name} is not current: run `make power-bi`", file=sys.stderr)
            return 1
        if not check:
            file.write_text(query(name), encoding="utf-8")
    if not check:
        workbook().save(WORKBOOK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
