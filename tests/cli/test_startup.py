"""Start-up: a command imports what it uses, and no more."""

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from metering.cli.lazy import LazyGroup, summary
from metering.cli.main import app

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

#: Runs a command and prints, as the last line, the modules that its process has imported.
_RUN_AND_LIST: Final = """
import json, sys
from metering.cli.main import main
try:
    main()
finally:
    print()
    print(json.dumps(sorted(sys.modules)))
"""

#: Packages that take long to import, and rooms that these commands do not enter.
_SLOW: Final = {
    *("fastapi", "starlette", "uvicorn", "azure", "openai", "aiohttp", "httpx", "jinja2", "yaml"),
    *("opentelemetry", "hypothesis", "jwt", "cryptography", "numpy"),
    *("metering.api", "metering.local", "metering.triggers", "metering.adapters.prices"),
    *("metering.adapters.azure", "metering.adapters.cosmos", "metering.adapters.hubs"),
    *("metering.adapters.exports", "metering.adapters.sign_in"),
}


def _imported(metering: "Metering", *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN_AND_LIST, *arguments],
        capture_output=True,
        cwd=metering.folder,
        env={"METERING_STORE": f"sqlite:///{metering.store}", "HOME": str(metering.folder)},
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: set[str] = set(json.loads(done.stdout.splitlines()[-1]))
    return found


def _slow(modules: set[str]) -> set[str]:
    return {name for name in modules if any(f"{name}.".startswith(f"{one}.") for one in _SLOW)}


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        # 278 of balance in December 2026, with aggregates and targets; 244, 211 and 210 of the
        # others in November.
        pytest.param(["balance", "acme"], 285, id="balance"),
        pytest.param(["admission", "acme"], 270, id="admission"),
        pytest.param(
            ["quote", "--model", "gpt-4o", "--usage", '{"prompt_tokens": 1}'], 235, id="quote"
        ),
        pytest.param(["prices", "list"], 235, id="prices list"),
    ],
)
def test_a_command_imports_only_what_it_uses(
    metering: "Metering", event: "EventBuilder", arguments: list[str], most: int
) -> None:
    metering.ingest(event("r-1"))

    modules = _imported(metering, *arguments)

    assert _slow(modules) == set()
    assert len([name for name in modules if name.startswith("metering.")]) <= most


def test_help_imports_no_command_no_model_and_no_table(metering: "Metering") -> None:
    modules = _imported(metering, "--help")

    assert _slow(modules) == set()
    assert {name for name in modules if name.split(".")[0] in {"pydantic", "rich"}} == set()
    ours = {name for name in modules if name.startswith("metering.")}
    assert ours == {
        *("metering.cli", "metering.cli.lazy", "metering.cli.main"),
        *("metering.core", "metering.core.basics", "metering.core.basics.errors"),
    }


@pytest.mark.parametrize("group", [app, app.commands["prices"]], ids=lambda group: group.name)
def test_the_declared_summary_of_a_command_is_the_first_paragraph_of_its_help(
    group: LazyGroup,
) -> None:
    declared = {
        name: text for summaries in group.sections().values() for name, text in summaries.items()
    }

    assert declared == {name: summary(command) for name, command in group.commands.items()}
