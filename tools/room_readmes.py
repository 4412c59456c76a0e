"""Writes the line "May import" in the README of every layer and of every room of the core.

A room that needs another one gets it by an import and by this line, which a reviewer sees. With
--check nothing is written, and the exit status is 1 if a line would differ.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import grimp

PACKAGE: Final = Path(__file__).parents[1] / "metering"
_LINE: Final = re.compile(r"^\*\*May import\*\* .*$", re.MULTILINE)
_ROOMS_IN: Final = "metering.core"


def readmes() -> Iterator[tuple[Path, str]]:
    """Yield each README that a layer or a room must have, with its text as it should be."""
    graph = grimp.build_graph("metering", cache_dir=None)
    for module in sorted(graph.find_children("metering") | graph.find_children(_ROOMS_IN)):
        folder = PACKAGE.joinpath(*module.split(".")[1:])
        if folder.is_dir() and module != _ROOMS_IN:
            path = folder / "README.md"
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            named = ", ".join(f"`{name}`" for name in _imported(graph, module)) or "no other room"
            yield path, _LINE.sub(f"**May import** {named}.", text)


def _imported(graph: grimp.ImportGraph, module: str) -> list[str]:
    """Return the names of the siblings from which a package imports anything."""
    parent = module.rpartition(".")[0]
    imported = {
        name
        for one in {module, *graph.find_descendants(module)}
        for name in graph.find_modules_directly_imported_by(one)
    }
    siblings = graph.find_children(parent) - {module}
    return sorted(
        sibling.rpartition(".")[2]
        for sibling in siblings
        if any(name == sibling or name.startswith(f"{sibling}.") for name in imported)
    )


def main() -> int:
    """Write the lines, or say which README is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [(path, text) for path, text in readmes() if path.read_text("utf-8") != text]
    for path, text in stale:
        if check:
            print(f"{path}: not current: run `make rooms`", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
