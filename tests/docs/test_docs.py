"""The documentation: links lead somewhere, and commands exist with the options it gives them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from metering.adapters.sqlite import database
from metering.cli.main import app
from metering.core.allocation import allocation_document
from metering.core.basics.errors import Code
from metering.core.billing import statement_document
from metering.core.credit import account
from metering.core.exports import delivery_manifest
from metering.core.ledger import head_document, page
from metering.core.reports import rollup_document

ROOT: Final = Path(__file__).parents[2]
_OTHERS: Final = {"build", "node_modules"}
PAGES: Final = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(
        part.startswith(".") or part in _OTHERS for part in path.relative_to(ROOT).parts[:-1]
    )
)
NAMES: Final = [str(path.relative_to(ROOT)) for path in PAGES]
COMMAND: Final[Any] = app

_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_SPAN: Final = re.compile(r"(`+)(.+?)\1")
_FENCE: Final = re.compile(r"^( *)(```+|~~~+)")
#: Words before the command in a line of a shell: settings, and what else may begin one.
_BEFORE: Final = re.compile(r"^(?:\$ |[A-Z_a-z]+=\S* |\.venv/bin/|timeout \d+ )*(?=metering )")
_PLACEHOLDER: Final = "…"


def prose(text: str) -> str:
    """Return a page without its code: fenced, indented and in spans."""
    kept = [line for line, code in lines_of(text) if not code]
    return _SPAN.sub("", "\n".join(kept))


def lines_of(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it is code."""
    fence = ""
    before = ""
    indented = False
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            yield line, True
            if mark and mark[2].startswith(fence):
                fence = ""
        elif mark:
            fence = mark[2]
            yield line, True
        else:
            # Four spaces after a blank line; more of them in a list, whose text has three.
            indented = line.startswith("    ") and (indented or not before.strip())
            yield line, indented
        before = line


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found: dict[str, int] = {}
    for line, code in lines_of(path.read_text()):
        heading = re.match(r"#{1,6} +(.+?) *#*$", line)
        if code or heading is None:
            continue
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1])
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        if found[name]:
            found[f"{name}-{found[name]}"] = 0
    return set(found)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_within_the_project_leads_to_a_file_and_a_heading(name: str) -> None:
    path = ROOT / name
    broken = []
    for target in _LINK.findall(prose(path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def commands(text: str) -> Iterator[str]:
    """Yield what a page tells a reader to run of `metering`."""
    shell = ""
    for line, code in lines_of(text):
        found = [line.strip()] if code else [span for _, span in _SPAN.findall(line)]
        for one in found:
            whole = shell + one
            shell = ""
            if code and whole.endswith("\\") and _BEFORE.match(whole):
                shell = whole[:-1]
            elif before := _BEFORE.match(whole):
                yield whole[before.end() :]


def complaint(line: str) -> str | None:
    """Return what is wrong with a command line, if anything is."""
    # Alternatives as the changes list them: `metering dead-letters list|show`.
    choice = re.search(r"\b([\w-]+(?:\|[\w-]+)+)", line)
    if choice:
        lines = [line.replace(choice[1], one, 1) for one in choice[1].split("|")]
        return next((why for one in lines if (why := complaint(one))), None)
    line = re.sub(r"<[\w -]+>", _PLACEHOLDER, line)
    words = shlex.split(re.split(r" [|><;&]| 2>", line, maxsplit=1)[0], comments=True)[1:]
    command = COMMAND
    context = command.make_context("metering", [], resilient_parsing=True)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        name = words.pop(0)
        if name == _PLACEHOLDER:
            return None
        if name not in command.commands:
            return f"there is no {name!r}"
        command = command.commands[name]
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
    # In the text an option may be named without its value.
    if words and words[-1].startswith("--"):
        words.append(_PLACEHOLDER)
    # Resilient so far, for nothing is to be run; what is wrong with options shall be raised.
    context.resilient_parsing = False
    try:
        _, left, _ = command.make_parser(context).parse_args(words)
    except Exception as error:  # noqa: BLE001, click's own are typer's copy of them
        return str(getattr(error, "message", error))
    return f"too much: {left}" if set(left) - {_PLACEHOLDER} else None


@pytest.mark.parametrize("name", NAMES)
def test_every_command_in_the_documentation_exists_with_its_options(name: str) -> None:
    lines = list(commands((ROOT / name).read_text()))
    wrong = {line: why for line in lines if (why := complaint(line))}
    assert wrong == {}


@pytest.mark.parametrize(
    "line",
    [
        "metering prices burn",
        "metering verify --statements",
        "metering replay --since X",
        "metering balance acme beta",
        "metering dead-letters list|burn",
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert complaint(line)


def test_commands_are_found_in_code_and_in_the_text() -> None:
    text = "Run `metering verify`.\n\n    A=b metering close --at X  # now\n\nmetering is a word.\n"
    assert list(commands(text)) == ["metering verify", "metering close --at X  # now"]


def test_the_runbook_uses_what_there_is_for_a_person() -> None:
    """A command of every area that an operator has is somewhere in the runbook or operations."""
    told = "".join(
        path.read_text()
        for path in [ROOT / "docs/operations.md", *(ROOT / "docs/runbook").glob("*.md")]
    )
    named = {line.split()[1] for line in commands(told)}
    here_only = {"demo", "run", "serve", "token", "quote", "normalize", "admission", "forecast"}
    assert set(COMMAND.commands) - here_only - named <= {"whatif"}


def test_the_table_of_schemas_says_what_the_code_has() -> None:
    text = (ROOT / "docs/runbook/changes.md").read_text()
    stated = dict(
        re.findall(r"^\| ([\w ]+), `SCHEMA(?:_VERSION)?` \| (\d+) \|", text, re.MULTILINE)
    )
    assert {name: int(number) for name, number in stated.items()} == {
        "SQLite file": database.SCHEMA_VERSION,
        "page": page.SCHEMA,
        "head": head_document.SCHEMA,
        "statement": statement_document.SCHEMA,
        "account": account.SCHEMA,
        "sharing": allocation_document.SCHEMA,
        "delivery manifest": delivery_manifest.SCHEMA,
        "rollup": rollup_document.SCHEMA,
    }


def test_every_alert_has_its_place_in_the_runbook() -> None:
    entry = (ROOT / "docs/operations.md").read_text()
    table = entry[entry.index("## Runbook") : entry.index("## First deployment")]
    told = set(re.findall(r"`([\w-]+)`", table))
    alerts = re.findall(
        r'^    "name": "([\w-]+)"', (ROOT / "bicep/alerts.json").read_text(), re.MULTILINE
    )
    assert {*alerts, "hub-throttled", "logs-throttled", "capture-stopped"} <= told


def test_the_table_of_dead_letters_has_every_code() -> None:
    page = (ROOT / "docs/dead-letters.md").read_text()
    rows = re.findall(r"^\| (`.+?) \|", page, re.MULTILINE)
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == {*Code}


def test_the_readme_is_short_and_its_table_names_every_command() -> None:
    page = (ROOT / "README.md").read_text()
    assert len(page.splitlines()) < 150
    table = page[page.index("| purpose | commands |") :].split("\n\n", 1)[0]
    assert set(re.findall(r"`([\w-]+)`", table)) == set(COMMAND.commands)
