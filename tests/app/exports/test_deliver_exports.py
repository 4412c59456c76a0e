"""Deliveries: whole or without a manifest, and the same again from the same data."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from metering.adapters.exports.export_folder import ExportFolder
from metering.app.exports.deliver_exports import DeliverExports
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.exports.delivery_manifest import Window, read_manifest
from tests.app.exporting import GivenReport, Rows, contents, given, table

ONE: Rows = [("one", 1)]
TWO: Rows = [("one", 1), ("=two", 2)]
BUSY = RetryableError("the ledger is busy")


@pytest.fixture
def flat(tmp_path: Path) -> DeliverExports:
    return DeliverExports(ExportFolder(tmp_path), flat=True)


@pytest.fixture
def exports(tmp_path: Path) -> DeliverExports:
    return DeliverExports(ExportFolder(tmp_path))


async def test_a_manifest_says_what_the_files_are(flat: DeliverExports, tmp_path: Path) -> None:
    manifest = await flat.deliver(given(a_csv=TWO, b_json=b"{}\n"))
    found = contents(tmp_path)
    assert sorted(found) == ["a.csv", "b.json", "manifest.json"]
    assert found["a.csv"] == b"text,number\r\none,1\r\n'=two,2\r\n"
    assert read_manifest(found["manifest.json"]) == manifest
    assert [(file.name, file.rows) for file in manifest.files] == [("a.csv", 2), ("b.json", 0)]
    for file in manifest.files:
        assert file.bytes == len(found[file.name])
        assert file.sha256 == hashlib.sha256(found[file.name]).hexdigest()
    # Two rows of 1 each, as the report counts them.
    assert json.loads(found["manifest.json"])["totals"] == {"USD": "2"}


async def test_the_same_data_gives_the_same_names_and_bytes(
    flat: DeliverExports, tmp_path: Path
) -> None:
    for packed in (False, True):
        await flat.deliver(given(a_csv=TWO), gzip=packed)
        before = contents(tmp_path)
        await flat.deliver(given(a_csv=TWO), gzip=packed)
        assert contents(tmp_path) == before


async def test_compressed_files_hold_what_plain_ones_do(
    flat: DeliverExports, tmp_path: Path
) -> None:
    await flat.deliver(given(a_csv=TWO, b_json=b"{}"))
    plain = contents(tmp_path)
    manifest = await flat.deliver(given(a_csv=TWO, b_json=b"{}"), gzip=True)
    packed = contents(tmp_path)
    # The plain file was part of the delivery before, so it is gone.
    assert sorted(packed) == ["a.csv.gz", "b.json", "manifest.json"]
    assert gzip.decompress(packed["a.csv.gz"]) == plain["a.csv"]
    # Neither a name nor a time in the header of gzip.
    assert packed["a.csv.gz"][3:8] == bytes(5)
    assert manifest.files[0].bytes == len(packed["a.csv.gz"])


async def test_many_rows_are_all_there(flat: DeliverExports, tmp_path: Path) -> None:
    manifest = await flat.deliver(given(a_csv=[("x", number) for number in range(2_001)]))
    assert manifest.files[0].rows == 2_001
    rows = table(contents(tmp_path)["a.csv"])
    assert [row["number"] for row in rows] == [str(number) for number in range(2_001)]


async def test_a_report_without_rows_has_its_header(flat: DeliverExports, tmp_path: Path) -> None:
    await flat.deliver(given(a_csv=[]))
    assert contents(tmp_path)["a.csv"] == b"text,number\r\n"


async def test_what_fails_while_it_is_made_leaves_the_delivery_before_it(
    flat: DeliverExports, tmp_path: Path
) -> None:
    await flat.deliver(given(a_csv=ONE, b_csv=ONE))
    before = contents(tmp_path)
    with pytest.raises(RetryableError, match="the ledger is busy"):
        await flat.deliver(given(a_csv=TWO, b_csv=BUSY))
    assert contents(tmp_path) == before


async def test_what_fails_while_it_is_published_has_no_manifest_and_is_repaired(
    flat: DeliverExports, tmp_path: Path
) -> None:
    await flat.deliver(given(a_csv=ONE))
    in_the_way = tmp_path / "b.csv" / "x"
    in_the_way.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="b.csv"):
        await flat.deliver(given(a_csv=TWO, b_csv=TWO))
    # The first file is the new one already, so the old manifest would be wrong.
    assert sorted(contents(tmp_path)) == ["a.csv"]
    in_the_way.rmdir()
    in_the_way.parent.rmdir()
    await flat.deliver(given(a_csv=TWO, b_csv=TWO))
    found = contents(tmp_path)
    assert sorted(found) == ["a.csv", "b.csv", "manifest.json"]
    for file in read_manifest(found["manifest.json"]).files:
        assert file.sha256 == hashlib.sha256(found[file.name]).hexdigest()


async def test_a_damaged_file_is_whole_again_after_a_run(
    flat: DeliverExports, tmp_path: Path
) -> None:
    await flat.deliver(given(a_csv=ONE))
    before = contents(tmp_path)
    (tmp_path / "a.csv").write_bytes(b"half")
    await flat.deliver(given(a_csv=ONE))
    assert contents(tmp_path) == before


async def test_in_a_folder_of_its_own_a_delivery_removes_what_is_not_part_of_it(
    exports: DeliverExports, tmp_path: Path
) -> None:
    await exports.deliver(given(a_csv=ONE, b_csv=ONE))
    folder = tmp_path / "given" / "all" / "2026-11"
    (folder / "left.csv").write_bytes(b"-")
    await exports.deliver(given(b_csv=ONE))
    assert sorted(contents(tmp_path)) == [
        "given/all/2026-11/b.csv",
        "given/all/2026-11/manifest.json",
    ]


async def test_in_a_folder_of_somebody_else_only_what_it_delivered_is_removed(
    flat: DeliverExports, tmp_path: Path
) -> None:
    (tmp_path / "mine.csv").write_bytes(b"mine")
    await flat.deliver(given(a_csv=ONE, b_csv=ONE))
    await flat.deliver(given(b_csv=ONE))
    assert sorted(contents(tmp_path)) == ["b.csv", "manifest.json", "mine.csv"]
    await flat.deliver(given("other", c_csv=ONE))
    assert sorted(contents(tmp_path)) == ["b.csv", "c.csv", "manifest.json", "mine.csv"]


async def test_a_manifest_that_is_not_ours_is_none_and_is_replaced(
    flat: DeliverExports, exports: DeliverExports, tmp_path: Path
) -> None:
    (tmp_path / "manifest.json").write_bytes(b"[]")
    await flat.deliver(given(a_csv=ONE))
    assert read_manifest(contents(tmp_path)["manifest.json"]).kind == "given"
    assert await exports.manifest_of("given", None, Window("2026-11")) is None
    await exports.deliver(given(a_csv=ONE))
    (tmp_path / "given/all/2026-11/manifest.json").write_bytes(b"{}")
    assert await exports.manifest_of("given", None, Window("2026-11")) is None


async def test_a_file_name_that_leads_out_is_refused(flat: DeliverExports) -> None:
    with pytest.raises(ConfigurationError, match="export "):
        await flat.deliver(GivenReport({"../a.csv": ONE}))
