"""The site: its reference has everything there is, and its quick start does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from metering.cli.main import COMMANDS
from tools import metrics_page, reference

ROOT: Final = Path(__file__).parents[2]


def test_the_reference_has_every_command_route_and_field() -> None:
    commands, routes, events = reference.commands(), reference.routes(), reference.events()

    for name in (name for section in COMMANDS.values() for name in section):
        assert re.search(rf"^## metering {name}( |$)", commands, re.MULTILINE), name
    assert "## GET /api/tenants/{tenant}/balance" in routes
    for field in ("usage", "subject", "quantity"):
        assert f"| `{field}` |" in events
    # What is said of a field that no event has would be said in vain.
    assert [name for name in reference.MEANINGS if f"| `{name}` |" not in events] == []


def test_the_tables_of_metrics_are_those_of_the_code() -> None:
    written = metrics_page.PAGE.read_text(encoding="utf-8")
    assert written == metrics_page.page(), "run `make metrics`"
    assert "| `gen_ai.client.token.usage` | `{token}` |" in written


def test_the_navigation_names_every_page_of_docs_but_those_of_decisions() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    config = yaml.safe_load(re.sub(r"!!python/name:\S+ ''", "null", text))
    named = set(re.findall(r"'(docs/[^']+\.md)'", str(config["nav"])))
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")}
    written = {f"docs/reference/{name}" for name in reference.PAGES}
    unlisted = {"docs/licences.md"}

    decisions = {page for page in pages if page.startswith("docs/adr/0")}
    assert named - written == pages - decisions - unlisted
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert [page for page in decisions if f"({Path(page).name})" not in listed] == []


@pytest.mark.parametrize(
    ("page", "begins", "ends"),
    [("docs/start.md", "## 2.", "## 3."), ("README.md", "## Send your events", "## Operate")],
)
def test_an_event_of_ones_own_counts_for_the_amount_that_the_page_names(
    tmp_path: Path, page: str, begins: str, ends: str
) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    section = text.partition(begins)[2].partition(ends)[0]
    script = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-eu", "-c", f"{script}\nmetering ingest event*.jsonl\n"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "METERING_STORE": "sqlite:///elsewhere.db"},
        text=True,
        timeout=60,
    )

    assert "0.0035 USD" in section
    assert "0.0035 USD" in done.stdout
    assert "duplicates │      1" in done.stdout
