"""`metering replay --from`: the command as a process, over a folder of Capture's files."""

import json
from pathlib import Path
from typing import Any

from tests.capture_files import captured, name_of, write


def bodies(event: Any, count: int) -> list[bytes]:
    return [json.dumps(event(f"r-{number}")).encode() for number in range(count)]


def test_a_folder_is_replayed_and_again_changes_nothing(
    metering: Any, event: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "capture"
    all_bodies = bodies(event, 40)
    write(folder, name_of(0, 1), captured(all_bodies[:25]))
    write(folder, name_of(1, 1), captured(all_bodies[25:]))
    first = metering.run("replay", "--from", folder, "--json")
    assert first.code == 0, first.stderr
    assert first.json == {
        "files": 2,
        "events": 40,
        "accepted": 40,
        "duplicates": 0,
        "rejected": {},
        "damaged": [],
        "gaps": [],
    }
    balance = metering.balance("acme")
    again = metering.run("replay", "--from", folder, "--json")
    assert (again.json["accepted"], again.json["duplicates"]) == (0, 40)
    assert metering.balance("acme")["amount"] == balance["amount"] == "0.14"
    assert metering.verify()[0] == 0


def test_a_damaged_file_is_named_and_the_status_is_1(
    metering: Any, event: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "capture"
    write(folder, name_of(0, 1), b"")
    write(folder, name_of(0, 2), captured(bodies(event, 3)))
    ran = metering.run("replay", "--from", folder)
    assert ran.code == 1
    assert f"{folder / name_of(0, 1)}: cannot be read: " in ran.stderr
    assert "accepted" in ran.stdout
    assert metering.balance("acme")["requests"] == 3


def test_a_dry_run_says_how_much_there_is(metering: Any, event: Any, tmp_path: Path) -> None:
    write(tmp_path, name_of(0, 1), captured(bodies(event, 3)))
    ran = metering.run("replay", "--from", tmp_path, "--dry-run", "--json")
    assert (ran.code, ran.json["events"], "accepted" in ran.json) == (0, 3, False)


def test_what_does_not_go_together_is_a_usage_error(metering: Any, tmp_path: Path) -> None:
    for wrong in (["--skip", "1"], ["--rate", "5"], [str(tmp_path / "x.jsonl")]):
        ran = metering.run("replay", "--from", tmp_path, *wrong)
        assert (ran.code, "takes no FILE" in ran.stderr) == (2, True), ran.stderr
    assert metering.run("replay").code == 2


def test_a_folder_that_is_not_there_is_one_line(metering: Any, tmp_path: Path) -> None:
    ran = metering.run("replay", "--from", tmp_path / "nowhere")
    assert (ran.code, ran.stderr.count("\n")) == (1, 1)
    assert "is neither a folder nor a file" in ran.stderr
