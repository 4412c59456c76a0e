"""Checks the Bicep files: grammar, checkov's rules, and the compiler where there is one."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from metering.settings.settings import deployment_environment
from tools.bicep_syntax import BICEP, bicep_files, plain_form, syntax_errors

ROOT: Final = BICEP.parent
_SKIP: Final = re.compile(r"checkov:skip=(\w+):?(.*)")
_COPIES: Final = ROOT / "build" / "bicep"
#: What the parameter files read from the environment and have no default for.
EXAMPLES: Final = {
    "METERING_OPERATORS_GROUP": "00000000-0000-0000-0000-000000000000",
    "METERING_APIM_ID": "",
    "METERING_PUBLISHER_EMAIL": "nobody@example.com",
    "METERING_OPENAI_MODELS": "[]",
    "METERING_ANTHROPIC_MODELS": "[]",
    "METERING_API_CLIENT_ID": "",
    "METERING_SECOND_LOCATION": "",
    "METERING_ALERT_EMAIL": "nobody@example.com",
    "METERING_BUDGET_START": "",
}
_CHECKOV: Final = ROOT / ".venv-bicep" / "bin" / "checkov"


def checkov_findings() -> Iterator[str]:
    """Yield what checkov finds, and every file that it cannot read and passes over in silence.

    A check is skipped in the file, with the reason beside it: `// checkov:skip=ID: reason`.
    """
    shutil.rmtree(_COPIES, ignore_errors=True)
    for path in bicep_files():
        if path.suffix == ".bicep":
            copy = _COPIES / path.relative_to(BICEP)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(plain_form(path))
    asked = ["--framework", "bicep", "--skip-download", "--output", "json"]
    done = subprocess.run(
        [str(_CHECKOV), "--directory", str(_COPIES), *asked],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        yield f"checkov gave no report:\n{done.stderr[-2000:]}"
        return
    results = report["results"]
    print(
        f"checkov: {report['summary']['passed']} checks passed,"
        f" {report['summary']['skipped']} skipped with a reason"
    )
    for file in results["parsing_errors"]:
        yield f"{_original(file)}: checkov cannot read it: write it more plainly"
    for found in results["failed_checks"]:
        yield _finding(found)
    yield from _skip_findings(results["skipped_checks"])


def _skip_findings(skipped: list[dict[str, Any]]) -> Iterator[str]:
    """Yield skips without a reason, and those of checks that would pass."""
    needed = {(_original(found["repo_file_path"]), found["check_id"]) for found in skipped}
    for path in bicep_files():
        file = path.relative_to(ROOT)
        for check, reason in _SKIP.findall(path.read_text(encoding="utf-8")):
            if not reason.strip():
                yield f"{file}: {check} is skipped without a reason"
            if (file, check) not in needed:
                yield f"{file}: {check} is skipped and finds nothing"


def _finding(found: dict[str, Any]) -> str:
    place = f"{_original(found['repo_file_path'])}:{found['file_line_range'][0]}"
    return f"{place}: {found['check_id']} {found['check_name']} ({found['resource']})"


def _original(file: str) -> Path:
    return Path("bicep") / file.rpartition("build/bicep/")[2].lstrip("/")


def compiler_findings() -> Iterator[str]:
    """Yield the errors of the compiler, if it is here; its warnings are printed."""
    compiler = shutil.which("bicep")
    if compiler is None:
        print("bicep is not here: nothing was compiled")
        return
    for path in bicep_files():
        task = "build-params" if path.suffix == ".bicepparam" else "build"
        yield from _ran([compiler, task, "--stdout", str(path)])
        yield from _ran([compiler, "lint", str(path)])
        if path.suffix == ".bicepparam" and path.name.startswith("main."):
            yield from _ran([compiler, "snapshot", str(path), "--mode", _mode_of(path)])


def _mode_of(path: Path) -> str:
    """Compare with the committed snapshot of a parameter file; make one where there is none."""
    if path.with_suffix(".snapshot.json").exists():
        return "validate"
    print(f"{path.with_suffix('.snapshot.json').name} is new: commit it, and changes are shown")
    return "overwrite"


def _ran(command: list[str]) -> Iterator[str]:
    environment = {**EXAMPLES, **deployment_environment()}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        yield done.stderr.strip()
    elif done.stderr:
        print(done.stderr.strip())


def main() -> int:
    """Print every finding; return 1 if there is one."""
    found = [error for path in bicep_files() for error in syntax_errors(path)]
    print(f"{len(bicep_files())} files follow the grammar" if not found else "")
    if not found:
        found = [*checkov_findings(), *compiler_findings()]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
