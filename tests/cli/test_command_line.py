"""The command line itself: help, exit statuses, and output that other programs can read."""

import os
import pty
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest
from typer._click.exceptions import ClickException

from metering import __version__
from metering.cli.main import app
from tools.reference import commands_below

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import EventBuilder, Metering

_COLOUR: Final = re.compile(rb"\x1b\[[0-9;]*m")


def test_the_help_of_every_command_has_an_example_of_itself() -> None:
    found = dict(commands_below("metering", app))

    assert {"metering ingest", "metering tenants import"} <= set(found)
    without = [
        name
        for name, command in found.items()
        if not re.search(rf"Example:  .*\b{name}\b", command.help or "")
    ]
    assert without == []


_FILES: Final = (
    "events.jsonl",
    "tenants.yaml",
    "reseller.yaml",
    "part_0_0001.csv.gz",
    "bicep/main.prod.bicepparam",
    "llm-backends.bicepparam",
)


def test_every_example_in_the_help_is_one_that_its_command_takes(
    tmp_path: "Path", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in _FILES:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    refused = {}
    for name, command in commands_below("metering", app):
        examples = re.findall(
            r"^ *(?:Example:)? *(.*\bmetering .*(?:\n\s+--.*)*)", command.help or "", re.MULTILINE
        )
        mine = [one for one in examples if re.search(rf"\b{name}\b", one)]
        assert mine, name
        for example in mine:
            _, _, arguments = " ".join(example.split()).partition(name)
            try:
                command.make_context(name, shlex.split(arguments))
            except ClickException as error:
                refused[example] = error.format_message()
    assert refused == {}


def test_the_release_is_printed(metering: "Metering") -> None:
    ran = metering.run("--version")

    assert (ran.code, ran.stdout) == (0, f"metering {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["balance", "acmee"],
            "error: unknown tenant 'acmee': did you mean 'acme'? see `metering tenants list`",
            id="tenant",
        ),
        pytest.param(
            ["balance", "zzz"],
            "error: unknown tenant 'zzz': see `metering tenants list`",
            id="none",
        ),
        pytest.param(
            ["plans", "show", "defalt"],
            "error: unknown plan 'defalt': did you mean 'default'? see `metering plans list`",
            id="plan",
        ),
        pytest.param(
            ["whatif", "acme", "--map", "gpt-4o=gpt-4o-mni"],
            "error: --map: the price book has no model 'gpt-4o-mni': did you mean 'gpt-4o-mini'?"
            " see `metering prices list`",
            id="model",
        ),
        pytest.param(
            ["prices", "list", "--model", "GPT-4.l"],
            "no price matches --model 'GPT-4.l': did you mean 'gpt-4.1'?",
            id="prices",
        ),
        pytest.param(
            ["quote", "--deployment", "chat2", "--usage", '{"prompt_tokens": 1}'],
            "error: unknown deployment 'chat2': did you mean 'chat'?"
            " see `metering deployments list`",
            id="deployment",
        ),
    ],
)
def test_a_mistyped_name_is_told_the_nearest_one(
    one_event: "Metering", arguments: list[str], message: str
) -> None:
    one_event.run("deployments", "set", "chat", "--model", "gpt-4o", "--type", "global")

    ran = one_event.run(*arguments)

    assert ran.stderr.strip() == message


def test_a_quote_for_an_unknown_model_names_the_nearest_one(metering: "Metering") -> None:
    ran = metering.run("quote", "--model", "gpt-4oo", "--usage", '{"prompt_tokens": 1}')

    meant = "did you mean 'gpt-4o'? see `metering prices list`"
    assert ran.stdout.strip() == f"unpriced: no price is known for gpt-4oo: {meant}"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        pytest.param("metering bal", "balance", id="a command"),
        pytest.param("metering tenants st", "stop", id="a command of a group"),
        pytest.param("metering balance --per", "--period", id="an option"),
        pytest.param("metering balance ac", "acme", id="a tenant"),
        pytest.param(
            "metering quote --model gpt-4o-transcribe-", "gpt-4o-transcribe-diarize", id="a model"
        ),
        pytest.param("metering balance zz", "", id="nothing"),
    ],
)
def test_a_shell_completes_commands_options_tenants_and_models(
    one_event: "Metering", typed: str, completed: str
) -> None:
    assert _completed(one_event, typed) == completed


def test_completion_makes_no_store_and_reports_no_fault(metering: "Metering") -> None:
    metering.prepares = False

    assert _completed(metering, "metering balance ac") == ""
    assert not metering.store.exists()


def _completed(metering: "Metering", typed: str) -> str:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    ran = metering.run(settings={"_METERING_COMPLETE": "complete_bash", **words})
    assert ran.stderr == ""
    return ran.stdout.strip()


def test_help_is_printed_on_standard_output(metering: "Metering") -> None:
    ran = metering.run_process("dead-letters", "replay", "--help")

    assert (ran.code, ran.stderr) == (0, "")
    assert "Example:  metering dead-letters replay" in ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["frobnicate"], id="an unknown command"),
        pytest.param(["verify", "--loudly"], id="an unknown option"),
        pytest.param(["balance"], id="no tenant"),
        pytest.param(["ingest", "no-such-file.jsonl"], id="no such file"),
        pytest.param(["ingest", "."], id="a folder"),
        pytest.param(["usage", "acme", "--group-by", "weather"], id="an unknown group"),
        pytest.param(
            ["quote", "--model", "gpt-4o", "--usage", '{"prompt_tokens": -1}'],
            id="usage that cannot be",
        ),
        pytest.param(["quote", "--model", "gpt-4o", "--usage", "{}", "--at", "noon"], id="no time"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_why_on_standard_error(
    metering: "Metering", arguments: list[str]
) -> None:
    metering.prepares = False
    ran = metering.run(*arguments)

    assert ran.code == 2
    assert "Traceback" not in ran.stderr
    assert not metering.store.exists()
    if arguments:
        assert (ran.stdout, bool(ran.stderr)) == ("", True)


@pytest.fixture(scope="module")
def one_event(
    tmp_path_factory: pytest.TempPathFactory,
    metering_in: "Callable[[Path], Metering]",
    event: "EventBuilder",
) -> "Metering":
    """Return the command over a store that has one event."""
    metering = metering_in(tmp_path_factory.mktemp("one-event"))
    metering.ingest(event("r-1"))
    return metering


@pytest.mark.parametrize("period", ["2026-13", "november", "0000-01"])
def test_a_period_that_is_no_month_exits_with_2(one_event: "Metering", period: str) -> None:
    ran = one_event.run("balance", "acme", "--period", period)

    assert ran.code == 2
    assert "--period" in ran.stderr


def test_piped_output_has_no_escape_codes(metering: "Metering", event: "EventBuilder") -> None:
    file = metering.write([event("r-1"), b"no JSON"])
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    commands: list[list[str | Path]] = [
        ["ingest", file],
        ["balance", "acme"],
        ["verify"],
        ["dead-letters", "list"],
        ["balance", "nobody"],
        ["balance", "--help"],
        ["balance", "--loudly"],
    ]
    with ThreadPoolExecutor(2) as pool:
        for ran in pool.map(lambda command: metering.run(*command, settings=terminal), commands):
            assert "\x1b" not in ran.stdout + ran.stderr
            assert ran.stdout + ran.stderr


def test_a_terminal_with_no_color_gets_no_colours(metering: "Metering") -> None:
    coloured = _on_a_terminal(metering, ["balance", "nobody"], {})
    plain = _on_a_terminal(metering, ["balance", "nobody"], {"NO_COLOR": "1"})

    assert _COLOUR.search(coloured)
    assert plain == _COLOUR.sub(b"", coloured)


def _on_a_terminal(metering: "Metering", arguments: list[str], more: dict[str, str]) -> bytes:
    """Run a command whose output is a terminal, and return what the terminal got."""
    mine, theirs = pty.openpty()
    environment = {"METERING_STORE": f"sqlite:///{metering.store}", "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-m", "metering", *arguments],
        stdout=theirs,
        stderr=theirs,
        env=environment | more,
    ):
        os.close(theirs)
        got = b""
        while chunk := _read(mine):
            got += chunk
    os.close(mine)
    return got


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so when the other side has been closed.
        return b""


def test_a_reader_that_has_seen_enough_is_no_fault_of_ours(metering: "Metering") -> None:
    with metering.start("prices", "list", "--json") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.read(1) == b"["
        child.stdout.close()
        assert child.stderr.read() == b""
