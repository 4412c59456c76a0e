"""The official FOCUS validator as a child process, and what it says.

It exits with 0 whatever it finds, and reads one of its own files from the folder that it runs in.
"""

import re
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

HOME: Final = Path(__file__).parents[2] / ".venv-focus"
PROGRAM: Final = HOME / "bin" / "focus-validator"
#: Of this machine: seconds. It takes about six.
_PATIENCE: Final = 50
_TOTALS: Final = re.compile(r"Total: (\d+) \| Pass: (\d+) \| Fail: (\d+) \| Skipped: (\d+)")
_RESULT: Final = re.compile(
    r"^\S+ ([A-Za-z]+-[ACD]-\d{3}-[MCO]): (PASS|FAIL|SKIPPED)", re.MULTILINE
)


class Verdict(NamedTuple):
    """The rules by what came of them."""

    passed: frozenset[str]
    failed: frozenset[str]
    skipped: frozenset[str]


def is_installed() -> bool:
    """Say whether there is a validator to run."""
    return PROGRAM.exists()


def validate(csv_file: Path, folder: Path) -> Verdict:
    """Check a file by the rules of FOCUS 1.2 that the validator brings, for a provider of all."""
    (package,) = HOME.glob("lib/python3*/site-packages/focus_validator")
    (folder / "focus_validator").symlink_to(package)
    done = subprocess.run(
        [
            *(PROGRAM, "--data-file", csv_file, "--validate-version", "1.2", "--block-download"),
            *("--applicability-criteria", "ALL"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    return read_verdict(done.stdout, done.stderr)


def read_verdict(output: str, errors: str) -> Verdict:
    """Return what the validator printed; AssertionError for anything but a whole result."""
    totals = _TOTALS.search(output)
    assert totals, f"the validator did not come to a result: {errors[-2000:]}"
    found: dict[str, set[str]] = {"PASS": set(), "FAIL": set(), "SKIPPED": set()}
    for rule, result in _RESULT.findall(output):
        found[result].add(rule)
    counted = [sum(map(len, found.values())), *map(len, found.values())]
    told = [int(totals[1]), int(totals[2]), int(totals[3]), int(totals[4])]
    assert counted == told, "the validator counts other rules than it lists"
    return Verdict(*(frozenset(found[name]) for name in ("PASS", "FAIL", "SKIPPED")))
