"""What every export store promises: a file is there whole, or it is not there."""

import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from metering.adapters.exports import parquet_format
from metering.adapters.exports.export_folder import ExportFolder
from metering.adapters.exports.parquet_format import ParquetFormat
from metering.app.exports.deliver_exports import DeliverExports, Report
from metering.app.exports.provisional_exports import ProvisionalExports
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import HOUR, parse_instant
from metering.core.exports.delivery_manifest import DeliveredFile, read_manifest
from metering.ports import ExportStore
from tests.adapters.contract.export_places import (
    blob_exports,
    failing,
    made_container,
    pieces,
    put,
)
from tests.app.exporting import Rows, contents, given
from tests.doubles.azurite import Azurite
from tests.systems import MovableClock

pytest_plugins = ["tests.doubles.azurite.fixtures"]


@pytest.fixture(params=["folder", "azurite"])
async def exports(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ExportStore]:
    if request.param == "folder":
        yield ExportFolder(tmp_path / "exports")
        return
    server: Azurite = request.getfixturevalue("azurite")
    blobs = blob_exports(await made_container(server.port))
    yield blobs
    await blobs.close()


async def test_what_is_published_is_read_as_it_was_staged(exports: ExportStore) -> None:
    await put(exports, "a/b/c.csv", [b"one,", b"", b"two\r\n"])
    assert await exports.read("a/b/c.csv") == b"one,two\r\n"


async def test_an_empty_file_is_a_file(exports: ExportStore) -> None:
    await put(exports, "empty.csv", [])
    assert await exports.read("empty.csv") == b""
    assert await exports.names("") == ["empty.csv"]


async def test_what_is_not_there_is_nothing(exports: ExportStore) -> None:
    assert await exports.read("a/none.csv") is None
    assert await exports.names("a/") == []
    await exports.remove("a/none.csv")


async def test_a_staged_file_is_not_seen_and_hides_nothing(exports: ExportStore) -> None:
    staged = await exports.stage("a/new.csv", pieces(b"new"))
    assert await exports.names("") == []
    assert await exports.read("a/new.csv") is None
    await exports.publish(staged)
    again = await exports.stage("a/new.csv", pieces(b"newer"))
    assert await exports.read("a/new.csv") == b"new"
    assert await exports.names("") == ["a/new.csv"]
    await exports.publish(again)
    assert await exports.read("a/new.csv") == b"newer"


async def test_the_same_again_is_the_same(exports: ExportStore) -> None:
    for _ in range(2):
        await put(exports, "a.csv", b"same")
    assert await exports.read("a.csv") == b"same"
    assert await exports.names("") == ["a.csv"]


async def test_a_file_larger_than_one_block_is_whole(exports: ExportStore) -> None:
    # 3 x 0.75 MiB and a bit: over two blocks of 1 MiB, none of them cut where the pieces are.
    content = [bytes([number]) * 768 * 1024 for number in range(3)] + [b"end"]
    await put(exports, "large.csv", content)
    assert await exports.read("large.csv") == b"".join(content)


async def test_content_that_fails_half_way_leaves_what_was_there(exports: ExportStore) -> None:
    await put(exports, "a.csv", b"before")
    half = failing(b"x" * 2 * 1024 * 1024, error=RetryableError("the ledger is busy"))
    with pytest.raises(RetryableError, match="the ledger is busy"):
        await exports.stage("a.csv", half)
    assert await exports.read("a.csv") == b"before"
    assert await exports.names("") == ["a.csv"]


async def test_a_discarded_file_is_gone_and_may_be_staged_again(exports: ExportStore) -> None:
    staged = await exports.stage("a.csv", pieces(b"one"))
    await exports.discard(staged)
    await exports.discard(staged)
    await put(exports, "a.csv", b"two")
    assert await exports.read("a.csv") == b"two"


async def test_names_are_listed_below_a_folder_and_removed_by_one(exports: ExportStore) -> None:
    for name in ("k/all/2026-10/b.csv", "k/all/2026-10/a.csv", "k/all/2026-1/c.csv", "x.csv"):
        await put(exports, name, b"-")
    assert await exports.names("k/all/2026-10/") == ["k/all/2026-10/a.csv", "k/all/2026-10/b.csv"]
    await exports.remove("k/all/2026-10/a.csv")
    await exports.remove("k/all/2026-10/a.csv")
    assert await exports.names("k/") == ["k/all/2026-1/c.csv", "k/all/2026-10/b.csv"]


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "../a", "a/../../b", "a//b", ".hidden", "a b", "a\\b", "x" * 200, "é"]
)
async def test_a_name_that_leads_elsewhere_is_refused(exports: ExportStore, name: str) -> None:
    with pytest.raises(ConfigurationError, match="export "):
        await exports.stage(name, pieces(b"-"))
    with pytest.raises(ConfigurationError, match="export "):
        await exports.read(name)
    with pytest.raises(ConfigurationError, match="export "):
        await exports.remove(name)


async def test_a_delivery_as_parquet_is_read_as_it_was_made(
    exports: ExportStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_format, "GROUP_ROWS", 2)
    rows: Rows = [("=1+1", 1), (None, 2), ("", 3)]
    for _ in range(2):
        await DeliverExports(exports).deliver(given(a_csv=rows), form=ParquetFormat())
    folder = "given-parquet/all/2026-11"
    assert await exports.names("") == [f"{folder}/a.parquet", f"{folder}/manifest.json"]
    content = await exports.read(f"{folder}/a.parquet")
    manifest = read_manifest(await exports.read(f"{folder}/manifest.json") or b"")
    assert content is not None
    digest = hashlib.sha256(content).hexdigest()
    assert manifest.files == [DeliveredFile("a.parquet", 3, len(content), digest)]
    assert (manifest.kind, manifest.format) == ("given", "parquet")
    found = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    assert [(row["text"], row["number"]) for row in found] == rows


async def test_folders_are_listed_and_removed_with_all_in_them(exports: ExportStore) -> None:
    assert await exports.folders("k/") == []
    await exports.remove_folder("k/")
    for name in ("k/one/a.csv", "k/one/deep/b.csv", "k/two/a.csv", "k/file.json"):
        await put(exports, name, b"-")
    await exports.stage("k/one/c.csv", pieces(b"left by a crash"))
    assert await exports.folders("k/") == ["one", "two"]
    await exports.remove_folder("k/one/")
    await exports.remove_folder("k/one/")
    assert await exports.folders("k/") == ["two"]
    assert await exports.names("") == ["k/file.json", "k/two/a.csv"]


class _Crash(BaseException):
    """The end of a process: nothing of it runs afterwards."""


class _Crashing:
    """An export store that ends its process before or after the call of a number."""

    def __init__(self, store: ExportStore, last: int, *, after: bool) -> None:
        self._store = store
        self._last = last
        self._after = after
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)

        async def called(*given_: Any) -> Any:
            self.calls += 1
            if self.calls > self._last or (self.calls == self._last and not self._after):
                raise _Crash
            found = await call(*given_)
            if self.calls == self._last:
                raise _Crash
            return found

        return called


async def test_a_crash_at_any_step_leaves_the_old_or_the_new_and_is_cleaned(
    exports: ExportStore, tmp_path: Path
) -> None:
    folder = "given-provisional/all/2026-11/"
    clock = MovableClock(parse_instant("2026-11-20T12:00:00Z"))

    def provisional(store: Any) -> ProvisionalExports:
        return ProvisionalExports(DeliverExports(store), clock)

    async def seen() -> int:
        """Return the rows that a reader sees, who checks each file by the manifest."""
        manifest = read_manifest(await exports.read(f"{folder}manifest.json") or b"")
        assert "provisional" in manifest.notes
        for one in manifest.files:
            content = await exports.read(folder + one.name)
            assert content is not None
            assert hashlib.sha256(content).hexdigest() == one.sha256
        return sum(one.rows for one in manifest.files)

    def report(rows: int) -> Report:
        return given(a_csv=[("x", 1)] * rows, b_csv=[("x", 1)] * rows)

    whole = _Crashing(exports, 10**6, after=True)
    await provisional(whole).deliver(report(1))
    rows, outcomes = 1, set()
    # Two files and the manifest are staged and published, in between one is read: seven calls.
    for step in range(1, whole.calls + 1):
        for after in (False, True):
            clock.set(clock.now() + 2 * HOUR)
            crashing = _Crashing(exports, step, after=after)
            with pytest.raises(_Crash):
                await provisional(crashing).deliver(report(rows + 1))
            now = await seen()
            assert now in {2 * rows, 2 * (rows + 1)}
            outcomes.add(now == 2 * rows)
            rows = now // 2
    assert outcomes == {True, False}
    clock.set(clock.now() + 2 * HOUR)
    manifest = await provisional(exports).deliver(report(rows))
    kept = await exports.folders(folder)
    # The new one, and the one that it replaced; what the crashes left is gone.
    assert len(kept) == 2
    assert manifest.generation in kept
    # What was staged for the manifest itself goes after a day, as in every folder.
    left = [name for name in contents(tmp_path) if name.endswith(".part")]
    assert not [name for name in left if "/.manifest.json." not in name]
    # A run that was begun before the one in place does not replace it.
    clock.set(clock.now() - HOUR)
    await provisional(exports).deliver(report(9))
    assert await seen() == 2 * rows
    await provisional(exports).keep_only("given", None, "csv", [])
    assert await exports.names("") == []
