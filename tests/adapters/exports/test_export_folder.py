"""Exports in a folder of a real file system, where something goes wrong."""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from metering.adapters.exports.export_folder import ExportFolder
from metering.core.basics.errors import ConfigurationError, RetryableError
from tests.adapters.contract.export_places import failing, pieces, put


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let the system refuse to write more than 64 KiB into any file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("small_files")
async def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    folder = ExportFolder(tmp_path)
    await put(folder, "a.csv", b"before")
    with pytest.raises(RetryableError, match="a.csv: File too large"):
        await folder.stage("a.csv", pieces(b"x" * 100 * 1024))
    assert files(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"before"


async def test_a_file_where_a_folder_must_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "kind").write_text("in the way")
    with pytest.raises(ConfigurationError, match="kind/a.csv"):
        await put(ExportFolder(tmp_path), "kind/a.csv", b"-")
    assert await ExportFolder(tmp_path).read("kind/a.csv") is None
    await ExportFolder(tmp_path).remove("kind/a.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o500)  # noqa: PTH101
    with pytest.raises(ConfigurationError, match="Permission denied"):
        await put(ExportFolder(tmp_path), "a.csv", b"-")
    os.chmod(tmp_path, 0o700)  # noqa: PTH101


async def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("in the way")
    folder = ExportFolder(tmp_path / "exports")
    with pytest.raises(ConfigurationError, match="exports"):
        await put(folder, "a.csv", b"-")


async def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    with pytest.raises(ConfigurationError, match="a link leads out"):
        await put(ExportFolder(tmp_path / "in"), "link/a.csv", b"-")
    assert files(tmp_path / "out") == []


async def test_content_that_fails_leaves_no_hidden_file(tmp_path: Path) -> None:
    folder = ExportFolder(tmp_path)
    with pytest.raises(RetryableError):
        await folder.stage("a.csv", failing(b"half", error=RetryableError("busy")))
    assert files(tmp_path) == []


async def test_what_a_crash_left_is_removed_a_day_later_and_not_before(tmp_path: Path) -> None:
    folder = ExportFolder(tmp_path)
    old = await folder.stage("a.csv", pieces(b"old"))
    fresh = await folder.stage("a.csv", pieces(b"fresh"))
    left = Path(old.parts[0])
    past = os.stat(left).st_mtime - 24 * 3600 - 60  # noqa: PTH116
    os.utime(left, (past, past))
    (tmp_path / ".b.csv.12345678.part").write_text("another delivery's")
    os.utime(tmp_path / ".b.csv.12345678.part", (past, past))
    await put(ExportFolder(tmp_path), "a.csv", b"new")
    kept = [".b.csv.12345678.part", Path(fresh.parts[0]).name, "a.csv"]
    assert files(tmp_path) == sorted(kept)
    await folder.publish(fresh)
    assert await folder.read("a.csv") == b"fresh"


async def test_files_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        await put(ExportFolder(tmp_path), "a.csv", b"-")
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640
