"""What comes from others: pinned by version and hash, its licences known, its workflow pinned."""

import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any, Final

import yaml

from tools.licences import PAGE, licence_of, page, pinned
from tools.lock_requirements import LOCK, ROOT, canonical

WORKFLOW: Final = ROOT / ".github" / "workflows" / "ci.yml"
#: Licences that ask nothing but a notice; MPL-2.0 asks for the source of its own files, unchanged.
ACCEPTED: Final = frozenset(
    {
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "3-Clause BSD License",
        "PSF-2.0",
        "MPL-2.0",
        "ISC",
    }
)


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)
    return {canonical(distribution): version for distribution, version in found}


def test_every_line_of_the_lock_has_a_version_and_a_hash() -> None:
    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[^\s]+ --hash=sha256:[0-9a-f]{64}", line), line
    assert len(lines) == len(pinned())


def test_the_lock_has_what_the_requirements_and_the_constraints_say() -> None:
    locked = dict(pinned())
    assert _pins("requirements.txt").items() <= locked.items()
    constraints = _pins("constraints.txt")
    assert {name: constraints.get(name) for name in locked} == locked


def test_the_extra_is_pinned_by_hash_in_the_version_that_is_tested() -> None:
    text = (ROOT / "requirements-parquet.txt").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if not line.startswith("#")]
    assert re.fullmatch(r"pyarrow==[^\s]+ --hash=sha256:[0-9a-f]{64}", line)
    version = _pins("requirements-parquet.txt")
    assert version == {"pyarrow": _pins("requirements-dev.txt")["pyarrow"]}
    assert _pins("constraints.txt").items() >= version.items()
    assert licence_of(metadata("pyarrow")) in ACCEPTED


def test_the_page_of_licences_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_no_licence_asks_us_to_publish_our_source() -> None:
    rows = re.findall(r"^\| ([a-z0-9-]+) \| \d\S* \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(pinned())
    for name, licence in rows:
        parts = set(re.split(r" AND | OR ", licence.strip("()")))
        assert parts <= ACCEPTED, f"{name}: {licence}"


def test_a_licence_is_read_from_whatever_field_has_it() -> None:
    assert licence_of(metadata("certifi")) == "MPL-2.0"
    assert licence_of(metadata("pydantic")) == "MIT"


def test_tools_of_their_own_environment_are_pinned_whole() -> None:
    for name, first in (
        ("requirements-bicep.txt", "checkov"),
        ("requirements-audit.txt", "pip-audit"),
    ):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line[:1] != "#"]
        assert canonical(lines[0].partition("==")[0]) == first
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+==\S+", line) for line in lines)


def _workflow() -> Any:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


def test_the_workflow_uses_actions_by_commit_and_names_their_versions() -> None:
    used = re.findall(r"uses: (.+)", WORKFLOW.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_the_workflow_may_read_and_nothing_else() -> None:
    workflow = _workflow()
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "permissions" not in job, name
        assert job["timeout-minutes"] <= 60, name
        for step in job["steps"]:
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_the_workflow_runs_the_targets_that_developers_run() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    steps = [step for job in _workflow()["jobs"].values() for step in job["steps"]]
    run = [step["run"] for step in steps if "run" in step]
    made = {target for command in run for target in re.findall(r"^make (\w+)", command)}
    assert made == {"bicep", "package", "audit", "docs"}
    assert made <= targets
    assert ".ci/run" in run
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert {"lint", "test"} <= set(re.findall(r"^make (\w+)$", script, re.MULTILINE))


def test_one_job_stands_for_all_others() -> None:
    jobs = _workflow()["jobs"]
    assert set(jobs["all"]["needs"]) == set(jobs) - {"all"}
    wanted = " ".join("success" for _ in jobs["all"]["needs"])
    assert jobs["all"]["steps"][0]["run"] == f'test "$RESULTS" = "{wanted}"'


def test_the_threat_model_names_tests_that_exist() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) >= 6
    for file, function in named:
        content = (ROOT / file).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in content, f"{file}::{function}"
    for threat in ("spoofed", "cross-tenant", "SAS key", "tenant name", "replay", "gateway"):
        assert threat.lower() in text.lower(), threat


def test_azd_deploys_the_package_that_was_tested() -> None:
    azd = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    assert azd["services"]["metering"]["project"] == "build/app"
    assert azd["services"]["metering"]["remoteBuild"] is False
    assert azd["hooks"]["prepackage"]["run"] == "make package"
    infra = azd["infra"]
    assert Path(ROOT, infra["path"], f"{infra['module']}.bicepparam").is_file()
    script = azd["hooks"]["postdeploy"]["run"].removeprefix("sh ")
    assert (ROOT / script).is_file()
