"""`kill -9` at any moment, then the same command again: the same balances, and the proof holds."""

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import EventBuilder, Metering

_TENANTS: Final = 5
_POLL_S: Final = 0.002
_MOST_POLLS: Final = 5_000


@pytest.fixture(scope="module")
def big_file(
    tmp_path_factory: pytest.TempPathFactory,
    metering_in: "Callable[[Path], Metering]",
    event: "EventBuilder",
) -> "Path":
    """Return a file of 20,000 events: 4,000 of each tenant, all over ten hours."""
    return metering_in(tmp_path_factory.mktemp("big")).write(
        event(
            f"r-{number}",
            subject=f"tenant-{number % _TENANTS}",
            time=f"2026-11-20T{number % 10:02d}:{number % 60:02d}:00Z",
        )
        for number in range(20_000)
    )


def _commits(store: "Path") -> int:
    """Return how many commits the ledgers have seen, while another process writes to them."""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            [(commits,)] = connection.execute("SELECT total(etag) FROM heads").fetchall()
    except sqlite3.OperationalError:
        return 0
    return int(commits)


def _kill(child: "subprocess.Popen[bytes]", moment: "Callable[[], bool]") -> None:
    """Kill a command at the first moment that something is so."""
    with child:
        for _ in range(_MOST_POLLS):
            if child.poll() is not None or moment():
                break
            time.sleep(_POLL_S)
        reached = moment()
        child.kill()
        child.communicate()
    assert (child.returncode, reached) == (-9, True)


@pytest.mark.parametrize("commits", [1, 60])
def test_ingest_that_was_killed_and_run_again_gives_the_same_balances(
    metering: "Metering", big_file: "Path", commits: int
) -> None:
    _kill(metering.start("ingest", big_file), lambda: _commits(metering.store) >= commits)

    code, verdicts = metering.verify()
    assert code == 0
    found = sum(verdict["entries"] for verdict in verdicts.values())
    assert 0 < found <= 20_000
    again = metering.run("ingest", big_file, "--json")
    assert again.code == 0
    assert again.json == {"accepted": 20_000 - found, "duplicates": found, "rejected": {}}
    code, verdicts = metering.verify()
    assert code == 0
    # 4,000 requests of each tenant at 0.0035.
    assert [verdict["amount"] for verdict in verdicts.values()] == ["14"] * _TENANTS


def test_ingest_that_was_killed_while_it_made_the_store_can_be_run_again(
    metering: "Metering", event: "EventBuilder"
) -> None:
    file = metering.write(event(f"r-{number}") for number in range(2_000))
    _kill(metering.start("ingest", file), metering.store.exists)

    assert metering.run("ingest", file).code == 0
    # 2,000 requests at 0.0035.
    assert metering.balance("acme")["amount"] == "7"


def test_a_demo_that_was_killed_ends_well_the_next_time(metering: "Metering") -> None:
    _kill(metering.start("demo"), lambda: _commits(metering.store) >= 10)
    assert metering.verify()[0] == 0

    ran = metering.run("demo", "--json")

    assert (ran.code, ran.stderr) == (0, "")
    # As many rows of the trace as the rule gives each tenant, 2,152 in all, and adventure's four.
    assert {row["tenant"]: row["requests"] for row in ran.json} == {
        "adventure": 4,
        "contoso": 1114,
        "fabrikam": 610,
        "northwind": 240,
        "tailspin": 188,
    }
    assert [row["faults"] + row["differences"] for row in ran.json] == [[]] * 5
    assert metering.verify()[0] == 0


def test_a_demo_that_was_killed_before_its_first_commit_ends_well_the_next_time(
    metering: "Metering",
) -> None:
    hub = metering.store.with_name("metering.demo-hub.db")
    _kill(metering.start("demo"), hub.exists)

    ran = metering.run("demo", "--json")

    assert ran.code == 0
    assert sum(row["requests"] for row in ran.json) == 2152 + 4
