"""Every layer and every room of the core has a README, and what it may import is what it does."""

import re
from pathlib import Path

import pytest

from tools.room_readmes import PACKAGE, readmes

READMES = list(readmes())


def test_every_layer_and_every_room_of_the_core_has_a_readme() -> None:
    packages = [path.parent for path in [*PACKAGE.glob("*/*.py"), *PACKAGE.glob("core/*/*.py")]]
    assert {path.parent for path, _ in READMES} == set(packages) - {PACKAGE / "core"}
    assert [str(path) for path, _ in READMES if not path.exists()] == []
    assert len(READMES) >= 29


@pytest.mark.parametrize(("path", "text"), READMES, ids=lambda value: str(value)[-40:])
def test_a_readme_says_what_a_room_owns_promises_and_may_import(path: Path, text: str) -> None:
    stated = path.read_text(encoding="utf-8")
    assert [
        word for word in ("Owns", "Promises", "May import") if f"**{word}** " not in stated
    ] == []
    assert stated == text, "run `make rooms`"
    words = re.findall(r"^\| \*\*.+\*\* \| (.+) \|$", stated, re.MULTILINE)
    assert 1 <= len(words) <= 10
    assert [meaning for meaning in words if len(meaning.split()) > 10] == []


def test_the_map_of_the_core_names_every_room() -> None:
    page = (PACKAGE / "core" / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\((\w+)/README\.md\)", page))
    assert linked == {path.parent.name for path, _ in READMES if path.parents[1].name == "core"}
