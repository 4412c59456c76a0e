"""An evidence file proves a bill to somebody who has nothing else."""

import ast
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Metering
from tests.cli.evidence.conftest import NOW, VERIFIER, Evidence, check, run
from tests.forging import Forger


def test_a_true_bill_holds_with_and_without_an_anchor(evidence: Evidence) -> None:
    found = evidence.check()
    assert found.faults == []
    assert (found.code, "acme 2026-11: holds" in found.output) == (0, True)
    alone = check(evidence.file)
    assert (alone.code, "not that it is the original" in alone.output) == (0, True)


def test_an_earlier_period_and_an_open_one_have_evidence_too(store: Metering) -> None:
    for period, closed in (("2026-10", True), ("2026-12", False)):
        out = store.folder / f"{period}.jsonl"
        run(store, "evidence", "acme", "--period", period, "--out", str(out), now=NOW)
        (last,) = sorted((store.folder / "anchors").iterdir())[-1:]
        found = check(out, last / "anchor.json")
        assert (found.code, found.faults) == (0, [])
        assert json.loads(out.read_text().splitlines()[0])["is_closed"] is closed


def test_without_an_anchor_there_are_no_proofs_and_that_is_said(
    store: Metering, evidence: Evidence
) -> None:
    shutil.rmtree(store.folder / "anchors")
    out = store.folder / "evidence.jsonl"
    run(store, "evidence", "acme", "--period", "2026-11", "--out", str(out), now=NOW)
    assert check(out).code == 0
    assert check(out, evidence.anchor).faults == [
        "the file has no proofs of inclusion in an anchor"
    ]


def test_the_verifier_comes_with_the_file_and_is_written_whole_or_not(store: Metering) -> None:
    out = store.folder / "there" / "evidence.jsonl"
    refused = store.run("evidence", "acme", "--out", str(out), settings={"METERING_NOW": NOW})
    assert (refused.code, "--out" in refused.stderr) == (1, True)
    out.parent.mkdir()
    run(store, "evidence", "acme", "--out", str(out), "--with-verifier", now=NOW)
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "check_evidence.py",
        "evidence.jsonl",
    ]
    assert (out.parent / "check_evidence.py").read_text() == VERIFIER.read_text()
    assert store.run("evidence", "acme", "--with-verifier").code == 2
    shown = run(store, "evidence", "acme", now=NOW).stdout
    assert shown.splitlines()[:-1] == out.read_text().splitlines()[:-1]


def test_a_damaged_page_leaves_no_file(store: Metering) -> None:
    sql = (
        "UPDATE pages SET document = '{}' WHERE number = 2 AND ledger = 'acme|2026-11-01T00:00:00Z'"
    )
    Forger(store.store).run(sql)
    out = store.folder / "evidence.jsonl"
    ran = store.run(
        "evidence", "acme", "--period", "2026-11", "--out", str(out), settings={"METERING_NOW": NOW}
    )
    assert (ran.code, list(store.folder.glob("*.jsonl*"))) == (1, [*store.folder.glob("events*")])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "its last line is missing"),
        (["{}"], "is not in the format metering.evidence.v1"),
        (["nonsense"], "cannot be read"),
        (["[]"], "has lines that do not belong there"),
    ],
)
def test_what_is_no_evidence_is_one_line_and_exit_status_2(
    lines: list[str], reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("\n".join(lines))
    found = check(file)
    assert (found.code, found.output.count("\n"), reason in found.output) == (2, 1, True)


def test_a_file_that_ends_early_or_goes_on_is_refused(evidence: Evidence) -> None:
    lines = evidence.lines()
    for changed in (lines[:-1], [*lines, lines[-2]], [*lines[:-2], lines[-1]]):
        evidence.write(changed)
        assert evidence.check().code == 2


def test_a_file_that_is_no_anchor_is_refused(evidence: Evidence) -> None:
    evidence.anchor.write_text("{}")
    assert "is not in the format metering.anchor.v1" in evidence.check().output


def test_the_verifier_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(VERIFIER.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
        )
    }
    assert imported <= sys.stdlib_module_names
