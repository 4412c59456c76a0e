"""A store with everything that a bill can have, and its evidence file."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from metering.adapters.evidence.verifier import VERIFIER_NAME
from tests.cli.conftest import Metering

VERIFIER = Path(__file__).parents[3] / "metering/adapters/evidence" / VERIFIER_NAME

#: When the evidence is written: after the close of November.
NOW: Final = "2026-12-11T00:00:00Z"

type Line = dict[str, Any]

PLAN = """
id: reseller
markup: "0.2"
base_fee: "5"
request_fee: "0.001"
minimum: "6"
allowance:
  - tokens: 1000
  - amount: "0.01"
tiers:
  - mode: graduated
    meters: [{model: gpt-4o-mini}]
    steps: [{up_to: 5000, price_per_million: "3"}, {up_to: null, price_per_million: "1"}]
packages:
  - {meters: [{model: gpt-4.1, bucket: output}], size: 1000, price: "0.5"}
"""


class Checked(NamedTuple):
    """What the verifier said."""

    code: int
    faults: list[str]
    output: str


def check(file: Path, *anchor: Path) -> Checked:
    """Run the verifier as a tenant does: a process of its own that sees nothing of ours."""
    arguments = [str(file), *(text for path in anchor for text in ("--anchor", str(path)))]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(VERIFIER), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env={},
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines()
    faults = [line.removeprefix("FAULT ") for line in lines if line.startswith("FAULT ")]
    return Checked(done.returncode, faults, done.stdout + done.stderr)


class Evidence:
    """An evidence file and the anchor that a tenant had received before."""

    def __init__(self, folder: Path) -> None:
        self.file, self.anchor = folder / "evidence.jsonl", folder / "anchor.json"

    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def write(self, lines: list[Line]) -> None:
        self.file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    def check(self) -> Checked:
        return check(self.file, self.anchor)


def used(prompt: int, completion: int) -> dict[str, Any]:
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


#: Every statement has documents, with tax.
INVOICES: Final = {
    "METERING_INVOICE_SERIES": "INV-",
    "METERING_TAXES": "VAT=20,Levy=1.5",
    "METERING_TAX_ROUNDING": "line",
}


def run(metering: Metering, *arguments: str, now: str) -> Any:
    ran = metering.run(*arguments, settings={"METERING_NOW": now, **INVOICES})
    assert ran.code == 0, ran.stderr
    return ran


def fill(metering: Metering, event: Callable[..., Any]) -> None:
    """Bill October and November of acme: every kind of line, late usage, corrections."""
    plan = metering.folder / "plan.yaml"
    plan.write_text(PLAN)
    begin, november = "2026-09-30T00:00:00Z", "2026-11-20T12:00:00Z"
    run(metering, "plans", "set", str(plan), now=begin)
    run(
        metering,
        "tenants",
        "set",
        "acme",
        "--plan",
        "reseller",
        "--subscription",
        "sub-1",
        now=begin,
    )
    october = {"time": "2026-10-20T11:30:00Z", "subject": "sub-1"}
    count(
        metering,
        "2026-10-20T12:00:00Z",
        event("o-1", data={"usage": used(4000, 2000)}, **october),
        event("o-2", data={"usage": used(9000, 1000), "model": "gpt-4o-mini"}, **october),
    )
    run(metering, "grants", "add", "acme", "--amount", "1", now="2026-11-01T06:00:00Z")
    run(metering, "close", now="2026-11-03T00:00:00Z")
    # October is invoiced, taken back and invoiced again; then an adjustment credits some of it.
    for day, step, number in ((4, "void", "INV-000002"), (5, "reissue", "INV-000003")):
        change = ("statements", step, number, "--reason", "address", "--author", "a")
        run(metering, *change, now=f"2026-11-{day:02}T00:00:00Z")
    adjust = ("adjustments", "add", "acme", "--amount=-0.25", "--reason", "outage", "--author", "a")
    run(metering, *adjust, "--about", "2026-10", now=november)
    of = {"subject": "sub-1"}
    count(
        metering,
        november,
        event("n-1", data={"usage": used(40_000, 2_000)}, **of),
        event("n-2", data={"usage": used(9_000, 1_000), "model": "gpt-4o-mini"}, **of),
        event("n-3", data={"usage": used(500, 1_500), "model": "gpt-4.1"}, **of),
        event("n-4", data={"status": 429, "tokens": "absent", "usage": None}, **of),
        event("n-5", data={"model": "unknown", "usage": used(7, 7)}, **of),
        event("n-6", data={"evidence": "totals", "usage": used(100, 100)}, **of),
        event("x-1", subject="other"),
    )
    count(
        metering,
        "2026-11-20T12:05:00Z",
        event("n-6", data={"usage": used(100, 200)}, **of),
        event("o-3", data={"usage": used(1_000, 2_000)}, **october),
    )
    run(metering, "close", now="2026-12-10T00:00:00Z")


def count(metering: Metering, now: str, *events: Any) -> None:
    ran = metering.ingest(*events, settings={"METERING_NOW": now})
    assert ran.json["rejected"] == {}, ran.json


@pytest.fixture(scope="session")
def billed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return a folder with a store, its anchors, and the evidence of November."""
    folder = tmp_path_factory.mktemp("billed")
    metering, builder = Metering(folder), request.getfixturevalue("event")
    fill(metering, builder)
    out = str(folder / "evidence.jsonl")
    run(
        metering,
        "evidence",
        "acme",
        "--period",
        "2026-11",
        "--out",
        out,
        now="2026-12-11T00:00:00Z",
    )
    (*_, last) = sorted((folder / "anchors").iterdir())
    shutil.copy(last / "anchor.json", folder / "anchor.json")
    return folder


@pytest.fixture
def evidence(billed: Path, tmp_path: Path) -> Evidence:
    """Return a copy of the evidence to tamper with."""
    for name in ("evidence.jsonl", "anchor.json"):
        shutil.copy(billed / name, tmp_path / name)
    return Evidence(tmp_path)


@pytest.fixture
def store(billed: Path, tmp_path: Path) -> Metering:
    """Return the command over a copy of the billed store and its anchors."""
    for name in ("metering.db", "metering.db-wal", "metering.db-shm"):
        if (billed / name).exists():
            shutil.copy(billed / name, tmp_path / name)
    shutil.copytree(billed / "anchors", tmp_path / "anchors")
    return Metering(tmp_path)
