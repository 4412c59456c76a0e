"""Tables as Parquet, read back by pyarrow as anybody does."""

import gc
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metering.adapters.exports import parquet_format
from metering.adapters.exports.parquet_format import ParquetFormat
from metering.core.basics.columns import Column, Kind
from metering.core.basics.csv_text import Cell, Figure
from metering.core.basics.errors import ConfigurationError
from metering.ports import Table

COLUMNS = (
    Column("product"),
    Column("calls", Kind.COUNT),
    Column("amount", Kind.DECIMAL),
    Column("seen", Kind.TIME),
    Column("day", Kind.DAY),
)
ROW: Sequence[Cell] = ("chat", 2, Figure("-0.5"), "2026-11-20T11:45:00.000001Z", "2026-11-20")


async def _given(rows: Iterable[Sequence[Cell]]) -> AsyncIterator[Sequence[Cell]]:
    for row in rows:
        yield row


async def written(*rows: Sequence[Cell]) -> bytes:
    chunks = [chunk async for chunk in ParquetFormat().chunks("f", Table(COLUMNS, _given(rows)))]
    assert sum(chunk.rows for chunk in chunks) == len(rows)
    return b"".join(chunk.content for chunk in chunks)


async def test_every_kind_of_value_is_read_back_as_it_was() -> None:
    # The largest and the finest that decimal(38, 18) holds: 20 digits and 18 decimals.
    most = "99999999999999999999.999999999999999999"
    nothing: Sequence[Cell] = (None,) * 5
    content = await written(
        ROW,
        ('=HYPERLINK("x")', 2**63 - 1, Figure(most), "2026-11-20T12:45:00+01:00", "2024-02-29"),
        ("", -(2**63), Figure(f"-{most}"), "1970-01-01T00:00:00Z", "1970-01-01"),
        nothing,
    )
    table = pq.read_table(io.BytesIO(content))
    assert table.schema == pa.schema(
        [
            ("product", pa.string()),
            ("calls", pa.int64()),
            ("amount", pa.decimal128(38, 18)),
            ("seen", pa.timestamp("us", "UTC")),
            ("day", pa.date32()),
        ]
    )
    found: list[dict[str, Any]] = table.to_pylist()
    assert found[0] == {
        "product": "chat",
        "calls": 2,
        "amount": Decimal("-0.5"),
        "seen": datetime(2026, 11, 20, 11, 45, 0, 1, UTC),
        "day": date(2026, 11, 20),
    }
    # Nothing is put before text that a spreadsheet would run: no spreadsheet reads this.
    assert found[1]["product"] == '=HYPERLINK("x")'
    assert found[1]["seen"] == datetime(2026, 11, 20, 11, 45, tzinfo=UTC)
    assert [found[number]["amount"] for number in (1, 2)] == [Decimal(most), Decimal(f"-{most}")]
    assert [found[number]["calls"] for number in (1, 2)] == [2**63 - 1, -(2**63)]
    # An empty text is none that is missing.
    assert found[2]["product"] == ""
    assert set(found[3].values()) == {None}


async def test_the_same_rows_give_the_same_bytes_and_no_rows_are_a_file() -> None:
    assert await written(ROW, ROW) == await written(ROW, ROW) != await written(ROW)
    empty = pq.read_table(io.BytesIO(await written()))
    assert (empty.num_rows, empty.column_names) == (0, [column.name for column in COLUMNS])


@pytest.mark.parametrize(
    ("place", "cell", "about"),
    [
        (
            2,
            Figure("100000000000000000000"),
            "row 2, column amount: 100000000000000000000 does not",
        ),
        (2, Figure("-100000000000000000000.5"), "row 2, column amount: -1000000000000000"),
        (2, Figure("0.0000000000000000001"), "row 2, column amount: 0.0000000000000000001 does"),
        (2, 10**90, "row 2, column amount: 1000000000000000000000000000000000000000000"),
        (1, 2**63, "row 2, column calls: 9223372036854775808 is beyond 64 bits"),
        (1, -(2**63) - 1, "row 2, column calls: -9223372036854775809 is beyond 64 bits"),
        (3, "yesterday", "row 2, column seen: 'yesterday'"),
        (4, "2026-02-30", "row 2, column day: "),
    ],
)
async def test_what_does_not_fit_is_refused_by_name_and_never_rounded(
    place: int, cell: Cell, about: str
) -> None:
    row = [*ROW[:place], cell, *ROW[place + 1 :]]
    with pytest.raises(ConfigurationError, match=f"f: {about}") as raised:
        await written(ROW, row)
    assert len(str(raised.value)) < 200
    gc.collect()


async def test_zeros_after_the_last_digit_are_no_precision() -> None:
    row = [*ROW[:2], Figure("1.50000000000000000000000"), *ROW[3:]]
    (found,) = pq.read_table(io.BytesIO(await written(row)))["amount"].to_pylist()
    assert found == Decimal("1.5")


@pytest.mark.parametrize(
    ("bound", "most", "rows_a_group"),
    [("GROUP_ROWS", 2, [2, 2, 1]), ("GROUP_TEXT", 99, [2, 2, 1])],
)
async def test_a_row_group_is_bounded_by_rows_and_by_text(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int, rows_a_group: list[int]
) -> None:
    monkeypatch.setattr(parquet_format, bound, most)
    # Each has 16 letters, and times and days of 27 and 10: 53.
    row = ["0123456789abcdef", *ROW[1:]]
    metadata = pq.ParquetFile(io.BytesIO(await written(*[row] * 5))).metadata
    groups = range(metadata.num_row_groups)
    assert [metadata.row_group(group).num_rows for group in groups] == rows_a_group
