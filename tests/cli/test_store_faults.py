"""A store that is locked, full, read-only or no store: one clear line, and nothing half written."""

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import EventBuilder, Line, Metering, Ran

_CANNOT_FORBID: Final = 77
#: Takes from root what lets it write to files that are read-only (CAP_DAC_OVERRIDE is number 1).
_OBEY_FILE_MODES: Final = f"""
import ctypes
if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):
    sys.exit({_CANNOT_FORBID})
"""


def _limit_files_to(size: int) -> str:
    return f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"


def _assert_one_line(ran: "Ran", metering: "Metering", what: str) -> None:
    assert ran.code == 1
    assert ran.stderr.startswith(f"error: store {metering.store}: ")
    assert what in ran.stderr
    assert ran.stderr.count("\n") == 1


def _many(event: "EventBuilder") -> "list[Line]":
    """5,000 events of five tenants over ten hours: 700 KB or so in the store."""
    return [
        event(f"r-{number}", subject=f"t-{number % 5}", time=f"2026-11-20T{number % 10:02d}:15:00Z")
        for number in range(5000)
    ]


def test_a_locked_store_is_one_line_and_the_file_counts_once_afterwards(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))
    file = metering.write([event("r-2"), event("r-3", subject="new-tenant")])
    with closing(sqlite3.connect(metering.store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        ran = metering.run("ingest", file)

        _assert_one_line(ran, metering, "locked by another process")
        assert metering.balance("acme")["requests"] == 1
        other.execute("ROLLBACK")
    again = metering.run("ingest", file, "--json")
    assert (again.code, again.json["accepted"]) == (0, 2)
    assert metering.verify()[0] == 0


@pytest.mark.parametrize("size", [0, 400_000])
def test_a_full_disk_is_one_line_and_the_same_file_again_gives_the_right_balance(
    metering: "Metering", event: "EventBuilder", size: int
) -> None:
    file = metering.write(_many(event))

    ran = metering.run_process("ingest", file, before=_limit_files_to(size))

    _assert_one_line(ran, metering, "")
    assert metering.verify()[0] == 0
    again = metering.run("ingest", file)
    assert (again.code, again.stderr) == (0, "")
    code, verdicts = metering.verify()
    assert code == 0
    # 1,000 requests of each tenant at 0.0035.
    assert [verdict["amount"] for verdict in verdicts.values()] == ["3.5"] * 5


@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_a_read_only_store_is_one_line_and_stays_as_it_was(
    metering: "Metering", event: "EventBuilder", read_only: str
) -> None:
    metering.ingest(event("r-1"))
    file = metering.write([event("r-2")])
    locked = metering.store if read_only == "file" else metering.folder
    mode = locked.stat().st_mode
    locked.chmod(mode & ~0o222)
    try:
        ran = metering.run_process("ingest", file, before=_OBEY_FILE_MODES)
    finally:
        locked.chmod(mode)

    if ran.code == _CANNOT_FORBID:
        pytest.skip("this root may not give up its right to write anywhere")
    _assert_one_line(ran, metering, "readonly")
    again = metering.run("ingest", file, "--json")
    assert again.json == {"accepted": 1, "duplicates": 0, "rejected": {}}
    assert metering.balance("acme")["requests"] == 2


@pytest.mark.parametrize("command", ["ingest", "balance", "demo"])
def test_a_file_that_is_no_database_is_one_line_and_is_not_touched(
    metering: "Metering", event: "EventBuilder", command: str
) -> None:
    metering.store.write_text("Dear diary, today I was nearly overwritten.\n" * 100)
    before = metering.store.read_bytes()
    arguments: dict[str, list[str | Path]] = {
        "ingest": [metering.write([event("r-1")])],
        "balance": ["acme"],
    }

    ran = metering.run(command, *arguments.get(command, []))

    _assert_one_line(ran, metering, "file is not a database")
    assert metering.store.read_bytes() == before


def test_a_folder_in_the_place_of_the_store_is_one_line(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.store.mkdir()

    _assert_one_line(metering.ingest(event("r-1")), metering, "unable to open")


def test_a_file_in_the_place_of_the_stores_folder_is_one_line(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.prepares = False
    metering.store.write_text("a file")
    metering.store /= "metering.db"

    _assert_one_line(metering.ingest(event("r-1")), metering, "")


def test_a_store_of_a_newer_version_is_one_line(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))
    with closing(sqlite3.connect(metering.store)) as store:
        store.execute("PRAGMA user_version = 2000")

    _assert_one_line(metering.ingest(event("r-2")), metering, "newer version (schema 2000")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("METERING_STORE", "postgres://somewhere"),
        ("METERING_UNKNOWN_SUBSCRIPTION", "perhaps"),
        ("METERING_NOW", "noon"),
    ],
)
def test_a_setting_that_is_wrong_is_named_in_one_line(
    metering: "Metering", name: str, value: str
) -> None:
    ran = metering.run("verify", settings={name: value})

    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"error: {name}: ")
    assert ran.stderr.count("\n") == 1
