"""The picture of rooms in docs/architecture.md shows the imports that there are."""

from pathlib import Path
from typing import Final

from tools import draw_rooms

CORE: Final = Path(__file__).parents[2] / "metering" / "core"


def test_the_picture_is_drawn_from_the_imports() -> None:
    assert draw_rooms.PAGE.read_text(encoding="utf-8") == draw_rooms.drawn()


def test_the_picture_has_every_room_of_the_core() -> None:
    page = draw_rooms.drawn()
    folders = [path.parent.name for path in CORE.glob("*/__init__.py")]
    assert len(folders) > 15
    assert all(f"core_{folder}[{folder}]" in page for folder in folders)
