"""Folders of parts as Cost Management writes them, and Parquet; what is wrong with either."""

import json
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from metering.adapters.reconciliation import cost_parts, csv_rows, parquet_rows
from metering.adapters.reconciliation.cost_export import CostExport, cost_rows
from metering.core.basics.errors import ConfigurationError
from metering.core.reconciliation.cost_row import CostRow, format_exact
from tests.exports import EA, FOCUS, RESOURCE, line, write_export

ONE, TWO = line("1"), line("2")


def manifest(folder: Path, *blobs: Any, name: str = "manifest.json") -> Path:
    """Write a manifest as Cost Management does; a name stands for a blob of one row."""
    named = [
        {"blobName": f"exports/daily/20261101-20261130/{one}", "byteCount": 1, "dataRowCount": 1}
        if isinstance(one, str)
        else one
        for one in blobs
    ]
    path = folder / name
    path.write_text(json.dumps({"manifestVersion": "2024-04-01", "blobs": named}))
    return path


def quantities(path: Path) -> list[str]:
    return [format_exact(row.quantity.value) for row in cost_rows(path, "USD")]


def refused(path: Path, *about: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        list(cost_rows(path, "USD"))
    for text in about:
        assert text in str(raised.value)


def test_parts_of_a_folder_are_one_export(tmp_path: Path) -> None:
    write_export(tmp_path / "part_0_0001.csv", ONE)
    write_export(tmp_path / "part_1_0001.CSV.gz".lower(), TWO, line("3"))
    write_export(tmp_path / "part_2_0001.csv")
    write_export(tmp_path / "part_3_0001.csv")
    (tmp_path / "notes.txt").write_text("not data")
    (tmp_path / ".part_9.csv").write_text("hidden")
    assert quantities(tmp_path) == ["1", "2", "3"]
    seen: list[int] = []
    export = CostExport(tmp_path)
    assert len(list(export.rows("USD", seen.append))) == 3
    assert seen[-1] == sum(file.stat().st_size for file in export.files)
    assert seen == sorted(seen)


def test_the_manifest_says_which_parts_there_are(tmp_path: Path) -> None:
    folder = tmp_path / "daily/20261101-20261130/run"
    folder.mkdir(parents=True)
    write_export(folder / "part_0.csv", ONE)
    write_export(folder / "part_1.csv.gz", TWO)
    manifest(folder, "part_1.csv.gz", "part_0.csv")
    assert quantities(tmp_path) == quantities(folder) == ["2", "1"]
    other = write_export(folder / "part_2.csv", line("3"))
    refused(tmp_path, f"{other}: is not named by {folder}/manifest.json")
    other.unlink()
    (folder / "part_0.csv").unlink()
    refused(tmp_path, "manifest.json: blobs.1.blobName", "part_0.csv", "a part is missing")


def test_the_manifests_of_two_runs_are_two_exports(tmp_path: Path) -> None:
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        write_export(tmp_path / run / "part_0.csv", ONE)
        manifest(tmp_path / run, "part_0.csv", name="_manifest.json")
    refused(tmp_path, f"{tmp_path}: has 2 manifests", "a/_manifest.json and", "give the folder of")


@pytest.mark.parametrize(
    ("blobs", "about"),
    [
        (["part_0.csv", "part_0.csv"], "blobs.1.blobName: 'part_0.csv' is there or named twice"),
        ([7], "blobs.0.blobName: is not a name"),
        ([{"blobName": ["part_0.csv"]}], "blobs.0.blobName: is not a name"),
        ([{"blobName": "../../etc/passwd"}], "names '../../etc/passwd', which is not in"),
        ([], "manifest.json: blobs: names no part"),
        ([{"blobName": "part_0.csv", "dataRowCount": 2}], "part_0.csv: has 1 rows, and its mani"),
    ],
)
def test_a_manifest_that_is_wrong_is_named(tmp_path: Path, blobs: list[Any], about: str) -> None:
    write_export(tmp_path / "part_0.csv", ONE)
    manifest(tmp_path, *blobs)
    refused(tmp_path, about)


def test_a_count_that_is_none_is_not_compared(tmp_path: Path) -> None:
    write_export(tmp_path / "part_0.csv", ONE)
    for count in (None, True, -1, "1"):
        manifest(tmp_path, {"blobName": "part_0.csv", "dataRowCount": count})
        assert quantities(tmp_path) == ["1"]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b'{"blobs": {}}', b"[" * 100_000, b'{"blobs": "part"}'],
)
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    write_export(tmp_path / "part_0.csv", ONE)
    (tmp_path / "manifest.json").write_bytes(content)
    refused(tmp_path, f"{tmp_path}/manifest.json: ")


def test_bounds_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(tmp_path, "has no file that ends with .csv, .csv.gz, .parquet")
    write_export(tmp_path / "part_0.csv", ONE)
    manifest(tmp_path, "part_0.csv")
    monkeypatch.setattr(cost_parts, "_MAX_MANIFEST", 10)
    refused(tmp_path, "manifest.json: has more than 10 bytes")
    monkeypatch.setattr(cost_parts, "MAX_FILES", 1)
    refused(tmp_path, "has more than 1 files")


def test_a_part_that_is_there_twice_is_named(tmp_path: Path) -> None:
    write_export(tmp_path / "part_0.csv", ONE, TWO)
    write_export(tmp_path / "part_0 (1).csv.gz", ONE, TWO)
    refused(tmp_path, "part_0.csv: has the rows of", "part_0 (1).csv.gz: remove one of them")


def test_parts_of_two_schemas_are_refused_with_the_column(tmp_path: Path) -> None:
    write_export(tmp_path / "a.csv", ONE)
    write_export(tmp_path / "b.csv", line(day="2026-11-20"), header=FOCUS)
    refused(tmp_path, "b.csv: has other columns than", "'billedcost' is in", "b.csv and not in")
    write_export(tmp_path / "b.csv", ONE[:-1], header=EA[:-1])
    refused(tmp_path, "'tags' is in", "a.csv and not in", "b.csv")


def test_what_csv_may_not_be_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(",".join(EA).encode("utf-16"))
    refused(path, "a.csv: cannot be read: it is UTF-16, not UTF-8")
    write_export(path, ONE, line(tags="x" * (csv_rows.MAX_FIELD + 1)))
    refused(path, "a.csv: cannot be read: near line 3: field larger than field limit")
    monkeypatch.setattr(csv_rows, "MAX_LINE", 1_000)
    write_export(path, ONE, line(tags="x" * 2_000))
    refused(path, "a.csv: cannot be read: near line 2: a line is longer than 1,000")
    latin = ",".join(EA) + "\n" + ",".join(line(account="caf\xe9"))
    path.write_bytes(latin.encode("latin-1"))
    refused(path, "a.csv: cannot be read: 'utf-8' codec can't decode byte 0xe9")


def in_parquet(path: Path, columns: dict[str, Any]) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def typed(**changes: Any) -> dict[str, Any]:
    """Return two rows in the types that Parquet exports have."""
    tags = pa.array([[("deployment", "Chat")], None], pa.map_(pa.string(), pa.string()))
    return {
        "date": pa.array([datetime(2026, 11, day, tzinfo=UTC) for day in (20, 21)]),
        "ResourceId": pa.array([f"{RESOURCE}/contoso"] * 2, pa.large_string()),
        "meterCategory": ["Cognitive Services", None],
        "meterSubCategory": pa.array(["Azure OpenAI"] * 2).dictionary_encode(),
        "meterName": ["gpt 4o 1120 Inp glbl Tokens"] * 2,
        "quantity": pa.array([1.2e-05, 3.0]),
        "unitOfMeasure": pa.array([b"1K", b"1K"]),
        "costInBillingCurrency": pa.array([Decimal("0.0000000300"), None], pa.decimal128(20, 10)),
        "billingCurrency": ["USD"] * 2,
        "chargeType": ["Usage"] * 2,
        "tags": tags,
        **changes,
    }


def test_parquet_keeps_every_digit_and_says_what_csv_says(tmp_path: Path) -> None:
    path = in_parquet(tmp_path / "part_0.snappy.parquet", typed())
    one, two = cost_rows(path, "USD")
    assert one[:5] == ("tokens", "2026-11-20", "contoso", "chat", "gpt 4o 1120 Inp glbl Tokens")
    assert format_exact(one.quantity.value) == "0.000012"
    assert format_exact(one.cost.value) == "0.00000003"
    assert (one.block, one.category, two.category) == (1000, "Cognitive Services", "")
    assert (two.day, two.deployment, two.cost.value) == ("2026-11-21", None, 0)
    days = in_parquet(tmp_path / "days.parquet", typed(date=[date(2026, 11, 20)] * 2))
    assert [row.day for row in cost_rows(days, "USD")] == ["2026-11-20"] * 2
    lists = in_parquet(tmp_path / "lists.parquet", typed(tags=[["a"], []], quantity=["1", "2"]))
    assert [row.deployment for row in cost_rows(lists, "USD")] == [None, None]


def test_parts_in_parquet_are_one_export(tmp_path: Path) -> None:
    in_parquet(tmp_path / "part_0.parquet", typed())
    in_parquet(tmp_path / "part_1.parquet", typed(quantity=[4.0, 5.0]))
    blobs = [{"blobName": f"x/part_{n}.parquet", "dataRowCount": 2} for n in range(2)]
    manifest(tmp_path, *blobs)
    assert quantities(tmp_path) == ["0.000012", "3", "4", "5"]
    shutil.copy(tmp_path / "part_0.parquet", tmp_path / "part_1.parquet")
    refused(tmp_path, "part_1.parquet: has the rows of", "part_0.parquet")


def without(column: str) -> dict[str, Any]:
    return {name: values for name, values in typed().items() if name != column}


@pytest.mark.parametrize(
    ("columns", "about"),
    [
        (without("meterName"), ["is not a known cost export", "MeterName"]),
        (typed(quantity=[float("nan"), 1.0]), ["row 1: quantity: 'nan' is not a decimal number"]),
        (typed(date=["2026-11-20", "someday"]), ["row 2: day: "]),
        (typed(meterName=["a", "x" * (csv_rows.MAX_FIELD + 1)]), ["row 2: meterName: longer than"]),
        (typed(billingCurrency=["USD", "EUR"]), ["row 2: currency: the cost is in EUR"]),
        ({"a": [1]}, ["it has the columns a;"]),
    ],
)
def test_parquet_that_is_no_export_is_named_with_the_field(
    tmp_path: Path, columns: dict[str, Any], about: Sequence[str]
) -> None:
    refused(in_parquet(tmp_path / "a.parquet", columns), "a.parquet: ", *about)


def test_parquet_that_is_damaged_or_too_large_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_parquet(tmp_path / "a.parquet", typed())
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-20], whole[:100] + b"\xff" * 200 + whole[300:]):
        path.write_bytes(content)
        refused(path, f"{path}: ")
    refused(tmp_path / "none.parquet", "none.parquet: cannot be read")
    twice = pa.table([*typed().values(), [1, 2]], names=[*typed(), "Quantity"])
    parquet.write_table(twice, path)
    refused(path, "a.parquet: the column Quantity is there twice")
    path.write_bytes(whole)
    monkeypatch.setattr(parquet_rows, "MAX_GROUP_BYTES", 10)
    refused(path, "row group 0 has", "more than 10")


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_parquet(tmp_path / "a.parquet", typed())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(path, "a.parquet: Parquet needs the extra `parquet`", "pip install 'metering[parquet]'")


def test_a_category_is_that_of_the_export(tmp_path: Path) -> None:
    rows: list[CostRow] = list(cost_rows(write_export(tmp_path / "a.csv", ONE), "USD"))
    assert [row.category for row in rows] == ["Cognitive Services"]
