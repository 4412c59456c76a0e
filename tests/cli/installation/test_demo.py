"""`metering demo` as a newcomer meets it: every command that it prints shows what it told."""

import re
import sys
from typing import TYPE_CHECKING, Final

import pytest

from metering.local.demo.demo import tenants_file

if TYPE_CHECKING:
    from tests.cli.conftest import Metering

TRACE: Final = tenants_file().with_name("azure-llm-trace-2023-sample.csv")
#: Of the output of each command, what the line above it says.
SHOWN: Final = {
    "balance": "duplicates not counted again",
    "requests show demo-stream": "1200",
    "admission": "block (quota_reached: amount a day: 0.0696 of 0.05 used)",
    "requests show demo-own-1": "0.0018",
    "statement": "0.12",
}


def test_each_command_that_it_prints_shows_what_it_told(
    metering: "Metering", monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `make demo` runs it: the environment's commands are not on the path of the shell.
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    some = metering.folder / "trace.csv"
    # The header and sixty requests: as much as shows duplicates of every kind.
    some.write_text("".join(TRACE.read_text().splitlines(keepends=True)[:61]))
    first = metering.run("demo", "--trace", some)
    assert (first.code, first.stderr) == (0, "")
    news, sent, *_ = first.stdout.splitlines()
    assert news == f"store {metering.store}: made"
    assert sent.startswith("60 requests of a real trace")
    assert "An earlier run" not in first.stdout
    assert f"    . {sys.prefix}/bin/activate\n    export " in first.stdout
    (line,) = re.findall(r"^    export (.*)$", first.stdout, re.MULTILINE)
    settings = dict(one.split("=", 1) for one in line.split())
    commands = re.findall(r"^    metering (.*)$", first.stdout, re.MULTILINE)
    for command, (name, told) in zip(commands, SHOWN.items(), strict=True):
        assert command.startswith(name)
        ran = metering.run(*command.split(), settings=settings)
        assert (ran.code, ran.stderr) == (0, "")
        assert told in ran.stdout

    again = metering.run("demo", "--trace", some)
    assert "An earlier run had sent them to this store: all of them are duplicates" in again.stdout
    assert news not in again.stdout
