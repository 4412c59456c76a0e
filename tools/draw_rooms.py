"""Draw the rooms of each layer and their imports into docs/architecture.md.

With --check nothing is written, and the exit status is 1 where the page would differ.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import Final

import grimp

from tools.written_page import write_or_check

PAGE: Final = Path(__file__).parents[1] / "docs" / "architecture.md"
BEGIN: Final = "<!-- rooms: `make rooms` writes what follows -->"
END: Final = "<!-- end of rooms -->"
#: The layers whose rooms depend on each other, from the inside out.
LAYERS: Final = ("core", "app", "local")
#: Nearly every room of the core stands on it: its arrows would hide the others.
GROUND: Final = "metering.core.basics"

#: Modules in a chain of one import.
_ONE_IMPORT: Final = 2

type Arrows = Mapping[str, set[str]]


def rooms_of(layer: str, graph: grimp.ImportGraph) -> list[str]:
    """Return the packages of a layer, by name."""
    packages = graph.find_children(f"metering.{layer}")
    return sorted(package for package in packages if graph.find_children(package))


def arrows_of(rooms: list[str], graph: grimp.ImportGraph) -> Arrows:
    """Return the rooms that each room imports, without those that follow from another arrow."""
    direct: defaultdict[str, set[str]] = defaultdict(set)
    for importer, imported in permutations(rooms, 2):
        chains = graph.find_shortest_chains(importer, imported, as_packages=True)
        if imported != GROUND and any(len(chain) == _ONE_IMPORT for chain in chains):
            direct[importer].add(imported)
    reach = {room: _reach(room, direct) for room in rooms}
    return {
        room: {
            near
            for near in direct[room]
            if not any(near in reach[other] for other in direct[room] - {near})
        }
        for room in rooms
    }


def _reach(room: str, direct: Arrows) -> set[str]:
    found: set[str] = set()
    left = list(direct.get(room, ()))
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left.extend(direct.get(one, ()))
    return found


def picture(layer: str, graph: grimp.ImportGraph) -> Iterator[str]:
    """Yield the lines of one layer: a Mermaid flow chart, from importer to imported."""
    rooms = rooms_of(layer, graph)
    yield "```mermaid"
    yield "flowchart LR"
    arrows = arrows_of(rooms, graph)
    for room in rooms:
        name = room.rsplit(".", 1)[1]
        targets = sorted(one.rsplit(".", 1)[1] for one in arrows[room])
        # A layer's name before the room's: Mermaid takes some words for its own.
        yield f"    {layer}_{name}[{name}]" + (
            " --> " + " & ".join(f"{layer}_{target}" for target in targets) if targets else ""
        )
    yield "```"


def drawn() -> str:
    """Return the page with the picture of today's imports."""
    page = PAGE.read_text(encoding="utf-8")
    graph = grimp.build_graph("metering")
    lines: list[str] = [BEGIN, ""]
    for layer in LAYERS:
        lines += [f"Rooms of `metering/{layer}`:", "", *picture(layer, graph), ""]
    section = "\n".join([*lines, END])
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    return re.sub(pattern, lambda _: section, page, count=1, flags=re.DOTALL)


if __name__ == "__main__":
    stale = "docs/architecture.md shows other imports than there are: run make rooms"
    sys.exit(write_or_check(__doc__, PAGE, drawn, stale))
